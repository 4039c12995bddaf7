import type { EChartsCoreOption } from "echarts/core";
import { axisOf, type Encoding, type Series, valueAt } from "./model";

export type Tokens = { font: string; text: string; muted: string; line: string; surface: string; palette: string[] };

/** Colours of the present theme, read from the same tokens the page uses. */
export function readTokens(dark: boolean): Tokens {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(name).trim();
  return {
    font: getComputedStyle(document.body).fontFamily,
    text: token("--ui-text-highlighted"),
    muted: token("--ui-text-muted"),
    line: token("--ui-border"),
    surface: token("--ui-bg"),
    // Told apart by people who see few colours (Okabe and Ito), tuned to each surface.
    palette: dark
      ? ["#818cf8", "#e69f00", "#56b4e9", "#2dd4a7", "#f0e442", "#e08ac0", "#a1a1aa"]
      : ["#4f46e5", "#d97706", "#0284c7", "#0f9f76", "#a16207", "#c026a0", "#71717a"],
  };
}

/** Days as months where every one of them starts a month. */
export function axisWords(axis: string[], locale: string): (x: string) => string {
  const day = /^\d{4}-\d{2}-\d{2}$/;
  if (!axis.length || !axis.every((x) => day.test(x))) return (x) => x || "–";
  const months = axis.length > 1 && axis.every((x) => x.endsWith("-01"));
  const format = new Intl.DateTimeFormat(locale, { timeZone: "UTC", year: "numeric", month: "short", ...(months ? {} : { day: "numeric" }) });
  return (x) => (day.test(x) ? format.format(new Date(x)) : x);
}

type Style = { encoding: Encoding; tokens: Tokens; number: (value: unknown) => string; still: boolean; locale: string };

/** What ECharts is told. The tooltip is drawn, not written as HTML, which the policy of the page forbids. */
export function optionsOf(series: Series[], { encoding, tokens, number, still, locale }: Style): EChartsCoreOption {
  const axis = axisOf(series);
  const unit = encoding.unit ? ` ${encoding.unit}` : "";
  const several = series.length > 1 || encoding.mark === "pie";
  const common = {
    color: tokens.palette,
    animation: !still,
    animationDuration: 140,
    textStyle: { color: tokens.muted, fontFamily: tokens.font },
    aria: { enabled: true },
    legend: { show: several, bottom: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: tokens.muted }, type: "scroll" },
    tooltip: {
      renderMode: "richText",
      trigger: encoding.mark === "pie" ? "item" : "axis",
      backgroundColor: tokens.surface,
      borderColor: tokens.line,
      textStyle: { color: tokens.text, fontSize: 12 },
      valueFormatter: (value: unknown) => (value === null || value === undefined ? "–" : `${number(value)}${unit}`),
    },
  };
  if (encoding.mark === "pie") {
    const data = axis.map((x) => ({ name: x, value: series[0] ? (valueAt(series[0], x)?.y ?? 0) : 0 }));
    return { ...common, series: [{ type: "pie", radius: ["45%", "72%"], center: ["50%", "45%"], itemStyle: { borderColor: tokens.surface, borderWidth: 1 }, label: { color: tokens.muted }, data }] };
  }
  return {
    ...common,
    grid: { left: 8, right: 16, top: 28, bottom: several ? 36 : 8, containLabel: true },
    xAxis: { type: "category", data: axis, axisLine: { lineStyle: { color: tokens.line } }, axisTick: { show: false }, axisLabel: { color: tokens.muted, hideOverlap: true, formatter: axisWords(axis, locale) }, axisPointer: { label: { formatter: ({ value }: { value: unknown }) => axisWords(axis, locale)(String(value)) } } },
    yAxis: {
      type: "value",
      name: encoding.y + (encoding.unit ? ` (${encoding.unit})` : ""),
      nameTextStyle: { color: tokens.muted, align: "left" },
      axisLabel: { color: tokens.muted, formatter: (value: number) => number(value) },
      splitLine: { lineStyle: { color: tokens.line } },
    },
    series: series.map((one) => ({
      name: one.name,
      type: encoding.mark === "bar" ? "bar" : "line",
      barMaxWidth: 36,
      symbolSize: 5,
      lineStyle: { width: 2 },
      ...(encoding.mark === "area" ? { areaStyle: { opacity: 0.15 } } : {}),
      data: axis.map((x) => valueAt(one, x)?.y ?? null),
    })),
  };
}
