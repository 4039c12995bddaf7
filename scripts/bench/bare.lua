-- One row and one log record in the bare program.
dofile(os.getenv("BENCH") .. "/result.lua")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"name":"Acme","amount":12.5,"stage":"lead","note":"hello world this is a note"}'
