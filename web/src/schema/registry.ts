import { type Component, defineAsyncComponent } from "vue";
import type { Widget } from "./types";
import TextWidget from "./widgets/TextWidget.vue";
import NumberWidget from "./widgets/NumberWidget.vue";

const text = TextWidget as Component;
const number = NumberWidget as Component;
const long = defineAsyncComponent(() => import("./widgets/LongTextWidget.vue"));
const time = defineAsyncComponent(() => import("./widgets/TimeWidget.vue"));
const choice = defineAsyncComponent(() => import("./widgets/ChoiceWidget.vue"));
const file = defineAsyncComponent(() => import("./widgets/FileWidget.vue"));

/** Which component edits which widget; what is heavy comes when it is first needed. */
export const widgets: Record<Widget, Component> = {
  text,
  email: text,
  link: text,
  id: text,
  integer: number,
  decimal: number,
  multiline: long,
  markdown: long,
  switch: defineAsyncComponent(() => import("./widgets/SwitchWidget.vue")),
  select: choice,
  multi_select: choice,
  date: time,
  date_time: time,
  file,
  files: file,
  user: defineAsyncComponent(() => import("./widgets/UserWidget.vue")),
  relation: defineAsyncComponent(() => import("./widgets/RelationWidget.vue")),
  list: defineAsyncComponent(() => import("./widgets/ListWidget.vue")),
};
