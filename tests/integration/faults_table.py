"""What comes of each call with each fault. faults_test.py holds the daemon to it, and the tables of
docs/manual/reliability.md are made from it (faults_test.py --manual).

A row: how it ends; which requests of the call's sort the server answered and how, the faulty one
included where it reached the server (A|B: as time decides); what is said in the job's history or
the log; within how many seconds all is well.
"""

RESOURCES = ("pods", "nodes", "resourcequotas", "limitranges")
ONCE = "SUCCEEDED, attempt 1"
PARTS = ("create service", "create config map", "create network policy")
CODES = ("409", "410", "422", "429, Retry-After 1", "500", "503", "504")


def code_of(fault):
    return fault.split(",")[0]


def creations():
    """Asked again until its fate is known; refused only by what says that it is wrong."""
    for call in ("create pod",) + PARTS:
        again = "201×1" if call == "create pod" else "201×1 409×1"  # A pod is looked for first.
        for fault in ("lost request", "no answer"):
            yield (call, fault), (ONCE, "201×1", "submit_transient", 10)
        for fault in ("lost reply", "reset inside the body", "slow headers", "slow body"):
            yield (call, fault), (ONCE, again, "submit_transient", 10)
        for fault in CODES:
            yield (call, fault), (ONCE, "201×1 %s×1" % code_of(fault), "submit_transient", 10)
        yield (call, "422"), ("REJECTED, attempt 1", "422×1", "rejected", 5)
        said = "submit_transient" if call == "create pod" else "nothing"  # Its uid is needed.
        yield (call, "garbage"), (ONCE, "201×1", said, 10)


def looks():
    """Before a creation is repeated. What a look can't tell is looked at again."""
    for call in ("get pod", "get service"):
        for fault in ("lost request", "no answer"):
            yield (call, fault), (ONCE, "200×1", "submit_transient", 15)
        for fault in ("lost reply", "reset inside the body", "slow headers", "slow body"):
            yield (call, fault), (ONCE, "200×2", "submit_transient", 15)
        for fault in CODES:
            yield (call, fault), (ONCE, "200×1 %s×1" % code_of(fault), "submit_transient", 15)
    yield ("get pod", "garbage"), (ONCE, "200×2", "submit_transient", 15)
    yield ("get service", "garbage"), (ONCE, "200×1", "submit_transient", 15)


def deletions():
    """Of a cancelled job's pod: repeated until it is gone."""
    ends = "CANCELLED, attempt 1"
    for fault in ("lost request", "no answer"):
        yield ("delete pod", fault), (ends, "200×1", "cancelled", 10)
    for fault in ("lost reply", "reset inside the body", "slow headers", "slow body", "garbage"):
        asked = "200×1|200×2"  # It may still be there when it is asked for again.
        yield ("delete pod", fault), (ends, asked, "cancelled", 10)
    for fault in CODES:
        yield ("delete pod", fault), (ends, "200×1 %s×1" % code_of(fault), "cancelled", 10)


def logs():
    """A client waits for the answer: what may be repeated is, within the time-out."""
    for fault in ("lost request", "garbage"):
        yield ("get log", fault), ("HTTP 200", "200×1", "the log", 5)
    for fault in ("lost reply", "reset inside the body"):
        yield ("get log", fault), ("HTTP 200", "200×2", "the log", 5)
    for fault in ("500", "503", "504"):
        yield ("get log", fault), ("HTTP 200", "200×1 %s×1" % fault, "the log", 5)
    for fault in ("409", "410"):
        yield ("get log", fault), ("HTTP 409", "%s×1" % fault, "Conflict", 5)
    yield ("get log", "422"), ("HTTP 422", "422×1", "Invalid", 5)
    yield ("get log", "429, Retry-After 1"), ("HTTP 503", "429×1", "Unavailable", 5)
    yield ("get log", "no answer"), ("HTTP 500", "none", "Internal", 5)
    for fault in ("slow headers", "slow body"):
        yield ("get log", fault), ("HTTP 500", "200×1", "Internal", 5)


def kept_logs():
    """Stored before the pod is deleted: asked for again until logs.timeout, and then given up."""
    for fault in ("lost request", "slow headers", "slow body", "garbage"):
        yield ("keep a log", fault), ("kept", "200×1", "nothing", 5)
    for fault in ("lost reply", "reset inside the body"):
        yield ("keep a log", fault), ("kept", "200×2", "nothing", 5)
    for fault in CODES:
        yield ("keep a log", fault), ("kept", "200×1 %s×1" % code_of(fault), "nothing", 5)
    yield ("keep a log", "no answer"), ("not kept", "404×1|200×1 404×1|none|200×1",
                                        "log_not_stored", 8)


def told_events():
    """Of a receiver that is Kubernetes: repeated until it is there, once, whatever was lost."""
    for fault in ("lost request", "no answer", "slow headers", "slow body", "garbage"):
        asked = "201×1|201×1 409×1"  # A late answer counts as none.
        yield ("create event", fault), ("told once", asked, "notification_failed|nothing", 10)
    for fault in ("lost reply", "reset inside the body"):
        yield ("create event", fault), ("told once", "201×1 409×1", "notification_failed", 10)
    for fault in CODES:
        yield ("create event", fault), ("told once", "201×1 %s×1" % code_of(fault),
                                        "notification_failed", 10)
    yield ("create event", "422"), ("not told", "422×1", "notification_refused", 5)


def applications():
    """The Spark operator's: looked for before they are made again, taken back until they are."""
    call, said = "create application", "operator, submit_transient|submit_transient"
    for fault in ("lost request", "no answer", "lost reply", "reset inside the body",
                  "slow headers", "slow body", "garbage"):
        yield (call, fault), (ONCE, "201×1", said, 10)
    for fault in CODES:
        yield (call, fault), (ONCE, "201×1 %s×1" % code_of(fault), said, 10)
    yield (call, "422"), ("REJECTED, attempt 1", "422×1", "rejected", 5)
    call, ends = "delete application", "CANCELLED, attempt 1"
    for fault in ("lost request", "no answer", "lost reply", "reset inside the body",
                  "slow headers", "slow body", "garbage"):
        yield (call, fault), (ends, "200×1", "cancelled, submit_transient", 10)
    for fault in CODES:
        yield (call, fault), (ends, "200×1 %s×1" % code_of(fault), "cancelled, submit_transient",
                              10)


def lists(resource):
    call, lost = "list " + resource, "watch_lost resource=" + resource
    row = lambda asked, said, seconds: ("SUCCEEDED", asked, said, seconds)
    # The client's library repeats a read whose kept connection broke, at once and silently.
    yield (call, "lost request"), row("list 200×1, watch 200×1", "nothing|" + lost, 10)
    yield (call, "lost reply"), row("list 200×2, watch 200×1", "nothing|" + lost, 10)
    yield (call, "no answer"), row("list 200×1, watch 200×1", lost, 15)
    for fault in ("reset inside the body", "garbage"):
        yield (call, fault), row("list 200×2, watch 200×1", lost, 10)
    for fault in CODES:
        yield (call, fault), row("list 200×1 %s×1, watch 200×1" % code_of(fault), lost, 10)
    for fault in ("slow headers", "slow body"):
        yield (call, fault), row("list 200×1, watch 200×1", "nothing", 10)


def watches(resource):
    call, lost = "watch " + resource, "watch_lost resource=" + resource
    row = lambda asked, said, seconds: ("SUCCEEDED", asked, said, seconds)
    # As with lists; how often depends on whether the cut stream's connection is kept by then.
    yield (call, "lost request"), row("list 200×1, watch 200×1|list none, watch 200×1",
                                      "nothing|" + lost, 10)
    yield (call, "lost reply"), row("list none, watch 200×2|list 200×1, watch 200×2",
                                    "nothing|" + lost, 10)
    for fault in ("reset inside the body", "garbage"):
        yield (call, fault), row("list 200×1, watch 200×2", lost, 10)
    for fault in CODES:
        yield (call, fault), row("list 200×1, watch 200×1 %s×1" % code_of(fault), lost, 10)
    for fault in ("slow headers", "slow body", "line cut in half", "stream cut"):
        yield (call, fault), row("list none, watch 200×1", "nothing", 10)
    for fault in ("events twice", "events in another order"):
        yield (call, fault), row("list none, watch none", "nothing", 10)
    yield (call, "410 in the stream"), row("list 200×1, watch 200×1", "nothing", 10)
    for fault in ("no answer", "silent stream", "events left out"):
        yield (call, fault), row("lists and watches anew", "-", 15)


def leases():
    """It leads on, as its lease is longer than one try; a lease that is deleted it makes again."""
    for call, made, said in (("patch lease", [], []), ("get lease", [], ["lease_failed"]),
                             ("create lease", ["201×1"], ["lease_expired", "lease_renewed"])):
        def words(*more, said=said):
            return ", ".join(sorted(set(said) | set(more))) or "nothing"
        for fault in ("lost request", "no answer", "lost reply", "reset inside the body",
                      "slow headers", "slow body"):
            yield (call, fault), ("leads on", " ".join(made) or "none", words("lease_failed"), 10)
        for fault in CODES:
            yield (call, fault), ("leads on", " ".join(made + [code_of(fault) + "×1"]),
                                  words("lease_failed"), 10)
        if call != "get lease":  # Somebody else wrote: no failure.
            yield (call, "409"), ("leads on", " ".join(made + ["409×1"]), words(), 10)
        yield (call, "garbage"), ("leads on", " ".join(made) or "none", words("lease_unreadable"),
                                  10)


def all_rows():
    for rows in (creations(), looks(), deletions(), logs(), kept_logs(), told_events(),
                 applications(), leases()):
        yield from rows
    for resource in RESOURCES:
        yield from lists(resource)
        yield from watches(resource)


WANT = dict(all_rows())

# The manual: what is equal for each of them is told once.
SHOWN = [
    ("create pod", "create the pod"),
    ("create service", "create the service, config map or network policy"),
    ("get pod", "look for the pod"),
    ("get service", "look for the service that a full quota refuses"),
    ("delete pod", "delete the pod"),
    ("get log", "read a log"),
    ("keep a log", "read a log that is to be kept"),
    ("create event", "make an Event for a notification"),
    ("create application", "make a SparkApplication for the operator"),
    ("delete application", "take it back"),
    ("list pods", "list pods, nodes, quotas or limit ranges"),
    ("watch pods", "watch them"),
    ("patch lease", "renew the lease"),
    ("get lease", "read the lease"),
    ("create lease", "make the lease"),
]


def plain(text):
    return text.split("|")[0].replace("resource=pods", "resource=…").replace("×1", "").replace(
        "×", " × ")


def manual():
    lines = ["| call | fault | what becomes of it | answered requests of this sort | said | within |",
             "| --- | --- | --- | --- | --- | --- |"]
    for call, name in SHOWN:
        groups = {}
        for (of, fault), want in WANT.items():
            if of == call:
                key = tuple(plain(text) for text in want[:3]) + (want[3],)
                groups.setdefault(key, []).append(fault)
        # Rows that differ by the code alone are one.
        merged = {}
        for (ends, asked, said, seconds), faults in groups.items():
            code = code_of(faults[0]) if len(faults) == 1 else ""
            if code.isdigit() and asked.split(" ")[-1].rstrip(",") and " " + code in " " + asked:
                asked = (" " + asked).replace(" " + code, " (the code)").strip()
            merged.setdefault((ends, asked, said, seconds), []).extend(faults)
        for (ends, asked, said, seconds), faults in merged.items():
            lines.append("| %s | %s | %s | %s | %s | %d s |" % (
                name, " · ".join(faults), ends, asked, "`%s`" % said.replace(", ", "`, `")
                if said not in ("-", "nothing", "the log") else said, seconds))
    return "\n".join(lines)
