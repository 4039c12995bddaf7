import { expect, it } from "vitest";
import { plainText } from "./plainText";

it.each([
  ["Recorded by `record_payment.form`.", "Recorded by record_payment.form."],
  ["See [Invoices](invoice.table) and **all** *of it*.", "See Invoices and all of it."],
  ["# Terms\n\n- **net** 30\n- see ![plan](a.png)\n\n> 1. quoted\n\n```sh\nrun\n```\n", "Terms net 30 see plan quoted run"],
  ["-5 is #1 > 0", "-5 is #1 > 0"],
  ["2 * 3 * 4 is snake_case", "2 * 3 * 4 is snake_case"],
])("%s", (markdown, text) => expect(plainText(markdown)).toBe(text));
