// Runs before the first paint and before the code of the application is here.
(function () {
  // The page never flashes in the wrong theme.
  var wanted = "system";
  var language = "";
  try {
    wanted = localStorage.getItem("kageos.theme") || "system";
    language = localStorage.getItem("kageos.locale") || "";
  } catch (_) {
    // Storage can be forbidden; the system's theme is then right.
  }
  var dark = wanted === "dark" || (wanted === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.add(dark ? "dark" : "light");
  if (language) document.documentElement.lang = language;

  // What the first screen will ask for is asked for now; `src/api/early.ts` hands the answers over. A request that
  // the application then does not make in the same words is only made in vain.
  var asked = (window.kageosEarly = {});
  function ask(method, url, body) {
    var headers = { accept: "application/json" };
    if (body) headers["content-type"] = "application/json";
    var answer = fetch(url, { method: method, headers: headers, body: body, credentials: "same-origin" });
    answer.catch(function () {});
    asked[method + " " + url + " " + (body || "")] = answer;
  }
  // What happens from now on is heard: of all tabs one holds the event stream and tells the others. `src/api/events.ts`
  // goes on from here.
  function hear() {
    var name = "kageos-events";
    var stop = new AbortController();
    var early = (window.kageosHearing = { told: [], channel: new BroadcastChannel(name), end: stop.abort.bind(stop) });
    early.tell = function (event) {
      early.told.push(event);
    };
    early.channel.onmessage = function (message) {
      early.tell(message.data);
    };
    early.stream = new Promise(function (resolve) {
      function begin(lock) {
        if (!lock) return resolve(null);
        var answer = fetch("/api/v1/events", { headers: { accept: "text/event-stream" }, credentials: "same-origin", signal: stop.signal });
        answer.catch(function () {});
        resolve({ answer: answer });
        return new Promise(function (release) {
          stop.signal.addEventListener("abort", release);
        });
      }
      if (navigator.locks) navigator.locks.request(name, { ifAvailable: true }, begin);
      else begin(true);
    });
  }
  function search(words) {
    var input = { limit: 100 };
    var sort = (words.get("sort") || "").split(",").filter(Boolean);
    if (sort.length) {
      input.sort = sort.map(function (part) {
        return part[0] === "-" ? { field: part.slice(1), desc: true } : { field: part, desc: false };
      });
    }
    if (words.get("filter")) input.filter = JSON.parse(words.get("filter"));
    if (words.get("q")) input.q = words.get("q");
    if (words.get("bin") === "1") input.bin = true;
    input.count = true;
    return JSON.stringify({ action: "search", input: input });
  }
  var path = location.pathname.replace(/\/+$/, "");
  if (path === "/login") return;
  hear();
  ask("GET", "/api/v1/session");
  if (path.indexOf("/-/") === 0) return;
  if (path) ask("GET", "/api/v1/node" + path);
  if (/\.table$/.test(path)) {
    try {
      ask("POST", "/api/v1/call" + path, search(new URLSearchParams(location.search)));
    } catch (_) {
      // A filter that cannot be read is no filter; the application asks without it.
    }
  }
  ask("GET", "/api/v1/tree?limit=500");
})();
