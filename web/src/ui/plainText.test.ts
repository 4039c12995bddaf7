import { expect, it } from "vitest";
import { plainText } from "./plainText";

it.each([
  ["Recorded by `record_payment.form`.", "Recorded by record_payment.form."],
  ["See [Invoices](invoice.table) and **all** *of it*.", "See Invoices and all of it."],
  ["2 * 3 * 4 is snake_case", "2 * 3 * 4 is snake_case"],
])("%s", (markdown, text) => expect(plainText(markdown)).toBe(text));
