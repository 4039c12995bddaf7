-- A durable typed call: a form that writes a payment and updates its invoice.
dofile(os.getenv("BENCH") .. "/result.lua")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Cookie"] = os.getenv("COOKIE")
wrk.body = '{"action":"submit","input":{"invoice":"1","amount":"0.01","allow_overpayment":true,"note":"bench"}}'
