-- A governed create: session, access, validation, intent, row, history, receipt, outcome, event.
dofile(os.getenv("BENCH") .. "/result.lua")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Cookie"] = os.getenv("COOKIE")
wrk.body = '{"values":{"first_name":"Acme","last_name":"lead","email":"acme@example.org","company":"hello world this is a note"}}'
