-- A governed read of a page.
dofile(os.getenv("BENCH") .. "/result.lua")
wrk.headers["Cookie"] = os.getenv("COOKIE")
