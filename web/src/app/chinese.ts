import { collect, type Tree } from "./messages";

export default collect(
  import.meta.glob<Tree>(["/src/*/locales/zh.json", "/src/features/*/locales/zh.json"], { eager: true, import: "default" }),
);
