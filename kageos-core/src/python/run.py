"""Runs a script for a call and hands back what it gives.

Read by `python3 -I -c`. Standard input has a line of JSON, with the names and sizes of files, and then their bytes; standard
output gets the same of the answer, or a line with the error. What the script prints goes to standard error.
"""

import gc
import json
import linecache
import os
import sys
import traceback
import types

NAME = "script.py"
FILE = os.path.abspath(".script.py")
OUT = os.path.abspath("out")
FIRST = os.getpid()


def take(given):
    head = json.loads(given.readline())
    os.mkdir(OUT)
    for file in head["files"]:
        with open(file["name"], "wb") as new:
            new.write(given.read(file["size"]))
    return head


def run(source, given):
    # Where processes that it starts anew look for it.
    with open(FILE, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(source)
    linecache.cache[NAME] = (len(source), None, source.splitlines(True), NAME)
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=FILE, input=given, output=None)
    # What looks for the program that runs finds the script.
    sys.modules["__main__"] = module
    try:
        exec(compile(source, NAME, "exec"), module.__dict__)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    output = json.dumps(module.__dict__.get("output"), allow_nan=False, ensure_ascii=False).encode()
    # A file that it has left open is written out.
    module.__dict__.clear()
    gc.collect()
    return output


def made():
    if not os.path.isdir(OUT):
        return
    # A link or a folder is nobody's file.
    found = [entry for entry in os.scandir(OUT) if entry.is_file(follow_symlinks=False)]
    for entry in sorted(found, key=lambda entry: entry.name):
        # A name that is no text is refused.
        entry.name.encode()
        with open(entry.path, "rb") as file:
            yield entry.name, file.read()


def failure(error, told):
    # Without the frames of this program.
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != NAME:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace, file=told)
    told.flush()
    lines = [at.tb_lineno for at in steps(trace) if at.tb_frame.f_code.co_filename == NAME]
    try:
        said = str(error).strip().splitlines()
    except Exception:
        said = []
    message = type(error).__name__ + (f": {said[0]}" if said else "")
    where = f" (line {lines[-1]})" if lines else ""
    message = message.encode("utf-8", "backslashreplace").decode()[:500] + where
    return json.dumps({"error": message}).encode()


def steps(trace):
    while trace:
        yield trace
        trace = trace.tb_next


def printing(descriptor):
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def main():
    head = take(sys.stdin.buffer)
    answer = os.fdopen(os.dup(1), "wb")
    told = printing(os.dup(2))
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # A line at a time, so that what both print is in order.
    sys.stdout = sys.__stdout__ = printing(1)
    sys.stderr = sys.__stderr__ = printing(2)
    code, files = 1, []
    try:
        try:
            output = run(head["source"], head["input"])
            files = list(made())
            heads = json.dumps([{"name": name, "size": len(content)} for name, content in files]).encode()
            line = b'{"output":' + output + b',"files":' + heads + b"}"
            code = 0
        except BaseException as error:
            line, files = failure(error, told), []
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass
        # A copy that the script has made of itself answers nothing.
        if os.getpid() == FIRST:
            answer.write(line + b"\n")
            for _, content in files:
                answer.write(content)
            answer.flush()
    finally:
        # Whatever the script has left running ends here.
        os._exit(code)


main()
