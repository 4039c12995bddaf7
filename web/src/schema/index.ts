export { cleaned, initialValues } from "./check";
export { fieldsOf, humane } from "./fields";
export { isEmpty } from "./predicate";
export { choiceOf, isNumeric, textOf } from "./present";
export type { Annotation, Choice, Field, Predicate, Widget } from "./types";
