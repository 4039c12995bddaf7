import { useI18n } from "vue-i18n";
import { usePreferences } from "./preferences";

const formats = new Map<string, Intl.DateTimeFormat>();

function dateFormat(locale: string, timeZone: string, style: "date" | "minute" | "full"): Intl.DateTimeFormat {
  const key = `${locale} ${timeZone} ${style}`;
  const known = formats.get(key);
  if (known) return known;
  const options: Intl.DateTimeFormatOptions =
    style === "date"
      ? { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" }
      : { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZone };
  if (style === "full") options.second = "2-digit";
  const made = new Intl.DateTimeFormat(locale, options);
  formats.set(key, made);
  return made;
}

/** Of lines that stand below each other: the same in every language. */
const fixed = new Map<string, Intl.DateTimeFormat>();
function fixedFormat(kind: string, timeZone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const made = fixed.get(kind + timeZone) ?? new Intl.DateTimeFormat("sv-SE", { timeZone, ...options });
  fixed.set(kind + timeZone, made);
  return made;
}
const clockFormat = (timeZone: string) => fixedFormat("clock ", timeZone, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = (timeZone: string) => fixedFormat("day ", timeZone, { month: "2-digit", day: "2-digit" });

function parsed(value: unknown): Date | null {
  const date = new Date(String(value));
  return Number.isNaN(date.getTime()) ? null : date;
}

export type Formatter = ReturnType<typeof makeFormatter>;

/** Words for values in one language and time zone. */
export function makeFormatter(locale: string, timeZone: string) {
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const text = (value: unknown, style: "date" | "minute" | "full") => {
    const date = parsed(value);
    return date ? dateFormat(locale, timeZone, style).format(date) : String(value ?? "");
  };
  return {
    date: (value: unknown) => text(value, "date"),
    dateTime: (value: unknown) => text(value, "minute"),
    exact: (value: unknown) => text(value, "full"),
    /** The time of day with its milliseconds; of another day the day too. */
    clock(value: string): string {
      const date = parsed(value);
      if (!date) return "";
      const day = dayFormat(timeZone);
      const millis = String(date.getMilliseconds()).padStart(3, "0");
      const time = `${clockFormat(timeZone).format(date)}.${millis}`;
      return day.format(date) === day.format(Date.now()) ? time : `${day.format(date)} ${time}`;
    },
    ago(value: string): string {
      const date = parsed(value);
      if (!date) return "";
      const seconds = Math.round((date.getTime() - Date.now()) / 1000);
      const steps: [number, Intl.RelativeTimeFormatUnit][] = [[60, "second"], [3600, "minute"], [86400, "hour"], [604800, "day"]];
      const divisors: Record<string, number> = { second: 1, minute: 60, hour: 3600, day: 86400 };
      for (const [below, unit] of steps) {
        if (Math.abs(seconds) < below) return relative.format(Math.round(seconds / (divisors[unit] ?? 1)), unit);
      }
      return dateFormat(locale, timeZone, "date").format(date);
    },
    number(value: unknown, scale?: number): string {
      const number = typeof value === "number" ? value : Number(value);
      if (!Number.isFinite(number)) return String(value ?? "");
      const digits = scale === undefined ? {} : { minimumFractionDigits: scale, maximumFractionDigits: scale };
      return new Intl.NumberFormat(locale, digits).format(number);
    },
    bytes(value: number): string {
      const units = ["B", "KB", "MB", "GB"];
      let size = value;
      let unit = 0;
      while (size >= 1024 && unit < units.length - 1) {
        size /= 1024;
        unit += 1;
      }
      return `${new Intl.NumberFormat(locale, { maximumFractionDigits: unit ? 1 : 0 }).format(size)} ${units[unit]}`;
    },
    milliseconds: (value: number | null | undefined) =>
      value === null || value === undefined
        ? "–"
        : `${new Intl.NumberFormat(locale, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value)} ms`,
  };
}

/** The reader's own region of a language, so that dates and numbers look as they do elsewhere on the machine. */
export function regional(language: string, wanted: readonly string[]): string {
  return wanted.find((one) => one === language || one.startsWith(`${language}-`)) ?? (language === "zh" ? "zh-CN" : language);
}

const made = new Map<string, Formatter>();

/** The formatter of the present language and time zone; call its result inside a render. */
export function useFormat(): () => Formatter {
  const { locale } = useI18n();
  const preferences = usePreferences();
  return () => {
    const key = `${locale.value} ${preferences.timeZone}`;
    let formatter = made.get(key);
    if (!formatter) {
      formatter = makeFormatter(regional(locale.value, navigator.languages), preferences.timeZone);
      made.set(key, formatter);
    }
    return formatter;
  };
}
