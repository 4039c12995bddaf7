"""Runs a script for a call and hands back what it gives.

Read by `python3 -I -c`. Standard input has a line of JSON, with the names and sizes of files, and then their bytes; standard
output gets the same of the answer. What the script prints goes to standard error.
"""

import json
import linecache
import os
import sys
import traceback

NAME = "script.py"


def take(given):
    head = json.loads(given.readline())
    os.mkdir("out")
    for file in head["files"]:
        with open(file["name"], "wb") as new:
            new.write(given.read(file["size"]))
    return head


def run(source, given):
    linecache.cache[NAME] = (len(source), None, source.splitlines(True), NAME)
    scope = {"__name__": "__main__", "__file__": NAME, "input": given, "output": None}
    try:
        exec(compile(source, NAME, "exec"), scope)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    return json.dumps(scope.get("output"), allow_nan=False, ensure_ascii=False)


def made():
    # A link or a folder is nobody's file.
    found = [entry for entry in os.scandir("out") if entry.is_file(follow_symlinks=False)]
    for entry in sorted(found, key=lambda entry: entry.name):
        with open(entry.path, "rb") as file:
            yield entry.name, file.read()


def main():
    head = take(sys.stdin.buffer)
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # One stream for both, in order.
    sys.stdout = sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    try:
        output = run(head["source"], head["input"])
        files = list(made())
    except BaseException as error:
        # Without the frames of this program.
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename != NAME:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        sys.stderr.flush()
        os._exit(1)
    sys.stderr.flush()
    heads = [{"name": name, "size": len(content)} for name, content in files]
    line = '{"output":%s,"files":%s}\n' % (output, json.dumps(heads))
    answer.write(line.encode("utf-8", "surrogateescape"))
    for _, content in files:
        answer.write(content)
    answer.flush()
    # Whatever the script has left running ends here.
    os._exit(0)


main()
