import { onScopeDispose, readonly, type Ref, ref, watch } from "vue";

/** Follows a ref once it has not changed for a while. */
export function useSettled<T>(source: Ref<T>, ms = 150): Readonly<Ref<T>> {
  const settled = ref(source.value) as Ref<T>;
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(source, (value) => {
    clearTimeout(timer);
    timer = setTimeout(() => (settled.value = value), ms);
  });
  onScopeDispose(() => clearTimeout(timer));
  return readonly(settled) as Readonly<Ref<T>>;
}
