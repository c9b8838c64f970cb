"""Runs generated programs on a real CPython and prints what happened.

Reads programs on stdin (see `program.rs` for the text form), writes one block
per program: `E op events..` for what user code and collections logged, `A op
events..` for what CPython collected by itself behind it (and `B op text` for the
state in front of that), `S op crc` for the state after an operation, and `T op
text` before it when asked by the argument `text`.

Automatic collection is on only at one point after each operation, so that
CPython alone decides whether and what to collect, and the replay can do the
same at the same place.
"""

import gc
import io
import sys
import weakref
import zlib

UNSET = object()
NAMES = 12
# Markers are integers from here on: what else begins with one is the driver's.
FIRST = 1000000
EVERY = 4
SPELL = "vwx"

names = [None] * NAMES
raised = {}
notes = weakref.WeakKeyDictionary()
log = []
counter = 0
# How what the state describes is shown, by address; no reference is held.
known = {}
# Of tuples and dicts, by address, when the state was described last.
places = {}
# Where the collector tells whom it found, and of which type that is logged.
told = None
kind = None
debug = 0
# The one difference by design that the program does not stay clear of.
lift = ""


def fresh():
    global counter
    counter += 1
    return FIRST + counter


class S:
    __slots__ = ("m", "v", "w", "__weakref__")


class SS(S):
    __slots__ = ("x",)


class O:
    pass


def finalize(self):
    m = self.m
    log.append("f%d" % m)
    act = self.act
    if act == 1:
        raised[m] = self
    elif act == 2:
        for place in "vw":
            if hasattr(self, place):
                delattr(self, place)
    elif act == 3:
        raised[m] = getattr(self, "v", None)
    elif act == 4:
        log.append("r%d:%d" % (m, gc.collect()))
    elif act in (5, 6, 8) and getattr(self, "w", None) is not None:
        pass  # Replacing what `w` holds would cut: see `Program::generated`.
    elif act == 5:
        self.w = weakref.ref(self)
    elif act == 6:
        self.w = [10000000 + m, self]
    elif act == 8:
        self.w = weakref.ref(self, Cb(20000000 + m, 0, None, m, 0))
    elif act == 7:
        log.append("k%d:%d" % (m, weakref.getweakrefcount(self)))


class F:
    __slots__ = ("act", "m", "v", "w", "__weakref__")
    __del__ = finalize


class FF(F):
    __slots__ = ("x",)


class FO:
    __del__ = finalize


class Cb:
    __slots__ = ("m", "act", "v", "of", "arg", "__weakref__")

    def __init__(self, m, act, v, of, arg):
        self.m = m
        self.act = act
        self.v = v
        self.of = of
        self.arg = arg

    def __call__(self, ref):
        m = self.m
        log.append("c%d/%d" % (self.of, m))
        act = self.act
        if act == 1:
            log.append("r%d:%d" % (self.of, gc.collect()))
        elif act == 2:
            names[self.arg] = None
        elif act == 3:
            raised[m] = self.v


class Probe:
    pass


def generator(m, v, kind):
    try:
        while True:
            sent = yield
            if sent is not None:
                v = sent
            sent = None
            if kind == 1:
                log.append("r%d:%d" % (m, gc.collect()))
    finally:
        log.append("x%d" % m)


GENERATOR = type(generator(0, None, 0))
WEAK = (S, SS, O, F, FF, FO, Cb, GENERATOR)
LETTER = {
    list: "L", tuple: "T", dict: "D", S: "S", SS: "s", O: "O",
    F: "F", FF: "f", FO: "o", Cb: "C", GENERATOR: "G",
}
INSTANCE = {S: "vw", SS: "vwx", O: "vwx", F: "vw", FF: "vwx", FO: "vwx"}


def warm(cls):
    """Fixes the order in which instances share names."""
    o = cls()
    for place in ("m", "act", "v", "w", "x"):
        setattr(o, place, 0 if place in ("m", "act") else None)


def marker(o):
    """The number of an object, None for what is not the program's."""
    t = type(o)
    if t is list or t is tuple:
        return o[0] if o and type(o[0]) is int and o[0] >= FIRST else None
    if t is dict:
        return o.get("#")
    if t is GENERATOR:
        name = o.__name__
        return int(name[1:]) if name[0] == "g" and name[1:].isdigit() else None
    if t in LETTER:
        m = getattr(o, "m", None)
        return m if type(m) is int and m >= FIRST else None
    return None


def edges(o):
    t = type(o)
    if t is list or t is tuple:
        return list(o[1:])
    if t is dict:
        return [o.get(place, UNSET) for place in SPELL]
    if t is GENERATOR:
        return [r for r in gc.get_referents(o) if type(r) is weakref.ref or marker(r)]
    if t is Cb:
        return [o.v]
    return [getattr(o, place, UNSET) for place in INSTANCE[t]]


def shown(v):
    if v is None:
        return "."
    if v is UNSET:
        return "!"
    if type(v) is weakref.ref:
        # The list it comes from, the loop's variable, the parameter, the argument.
        count = sys.getrefcount(v) - 4
        to = marker(v())
        back = v.__callback__
        return "w%s/%s#%d" % (
            to if to else "-", back.m if back is not None else "-", count)
    m = marker(v)
    if m is None:
        return "?" + type(v).__name__
    return "@%d" % m


def values(items):
    return " ".join([known.get(id(v)) or shown(v) for v in items])


def describe(base):
    found = {}
    for g in range(3):
        for o in gc.get_objects(g):
            if type(o) in LETTER:
                m = marker(o)
                if m is not None:
                    found[m] = (o, g)
    o = None
    known.clear()
    for m, pair in found.items():
        known[id(pair[0])] = "@%d" % m
    pair = None
    stack = [v for v in names if v is not None]
    stack.extend(raised.values())
    stack.extend(gc.garbage)
    stack.extend(notes.data.values())
    for pair in list(found.values()):
        stack.extend(edges(pair[0]))
    pair = None
    while stack:
        v = stack.pop()
        if v is None or v is UNSET or id(v) in known:
            continue
        if type(v) is weakref.ref:
            if v.__callback__ is not None:
                stack.append(v.__callback__)
            continue
        m = marker(v)
        if m is not None:
            found[m] = (v, -1)
            known[id(v)] = "@%d" % m
            stack.extend(edges(v))
    v = None
    lines = []
    places.clear()
    for m in sorted(found):
        o, g = found[m]
        if type(o) is tuple or type(o) is dict:
            places[id(o)] = m
        lines.append("%d%s r%d t%d g%d z%d k%d %s" % (
            m, LETTER[type(o)], sys.getrefcount(o) - 3, gc.is_tracked(o), g,
            gc.is_finalized(o), weakref.getweakrefcount(o), values(edges(o))))
    o = None
    lines.append("names " + values(list(names)))
    lines.append("raised " + " ".join(
        ["%d=%s" % (m, shown_briefly(raised[m])) for m in sorted(raised)]))
    lines.append("notes " + " ".join(["%d=%s" % pair for pair in sorted(
        [(marker(r()), shown_briefly(v)) for r, v in notes.data.items()])]))
    lines.append("garbage " + " ".join(sorted(
        ["w" if type(v) is weakref.ref else shown(v) for v in gc.garbage])))
    stats = gc.get_stats()
    lines.append("stats " + " ".join(
        ["%d,%d,%d" % (
            s["collections"] - b["collections"], s["collected"] - b["collected"],
            s["uncollectable"] - b["uncollectable"]) for s, b in zip(stats, base)]))
    lines.append("counts %d %d" % gc.get_count()[1:])
    return "\n".join(lines)


def shown_briefly(v):
    return "w" if type(v) is weakref.ref else shown(v)


def on_collection(phase, info):
    if phase == "start":
        log.append("(%d" % info["generation"])
    else:
        log.append(")%d:%d:%d" % (
            info["generation"], info["collected"], info["uncollectable"]))
        if told is not None:
            tell()


def tell():
    """Logs the markers of those of a type that the collection found at first."""
    found = []
    for line in told.getvalue().splitlines():
        # gc: collectable <tuple 0x7f0123456780>
        of, address = line.split("<")[1].rstrip(">").split()
        if of == kind:
            found.append(places.get(int(address, 16)))
    told.seek(0)
    told.truncate()
    found = sorted([m for m in found if m is not None])
    if found:
        log.append("t" + ",".join(map(str, found)))


# --- operations ---------------------------------------------------------------


def op_list(k, a, b, c):
    names[k] = [fresh(), names[a], names[b]]


def flat(v):
    """Tuples of tuples are untracked in several passes here."""
    return None if type(v) is tuple else v


def item(v):
    return v if lift == "tuples" else flat(v)


def op_tuple(k, a, b, c):
    names[k] = (fresh(), item(names[a]), item(names[b]))


def op_dict(k, a, b, c):
    o = {"#": fresh()}
    # A dict always holds something tracked, unless that is lifted.
    nothing = flat(names[a]) is None and lift != "dicts"
    o["v"] = o if nothing else flat(names[a])
    names[k] = o


def op_instance(k, a, b, c):
    o = (S, SS, O, F, FF, FO)[b]()
    o.m = fresh()
    if b >= 3:
        o.act = c
    if names[a] is not None:
        o.v = names[a]
    names[k] = o


def op_generator(k, a, b, c):
    m = fresh()
    o = generator(m, names[a], b)
    o.__name__ = "g%d" % m
    names[k] = o


def free_place(o, b):
    """Where a store goes. A dict that was asked for gives its values up in the
    class's order, the heap's in the order of insertion: if dicts are asked for,
    no place is filled before an earlier one, so that both are the same."""
    places = INSTANCE[type(o)]
    at = b % len(places)
    while lift == "asked" and at and not hasattr(o, places[at - 1]):
        at -= 1
    return places[at]


def full_place(o, b):
    """The place to be deleted: the last one that is set, in such a program."""
    places = INSTANCE[type(o)]
    at = b % len(places)
    while lift == "asked" and at + 1 < len(places) and hasattr(o, places[at + 1]):
        at += 1
    return places[at]


def op_store(k, a, b, c):
    o = names[k]
    t = type(o)
    if t is list:
        if len(o) > 1:
            o[1 + b % (len(o) - 1)] = names[a]
    elif t is dict:
        if lift == "dicts" or flat(names[a]) is not None:
            o[SPELL[b % 3]] = flat(names[a])
    elif t is Cb:
        o.v = names[a]
    elif t in INSTANCE:
        setattr(o, free_place(o, b), names[a])


def op_delete(k, a, b, c):
    o = names[k]
    t = type(o)
    if t is list:
        if len(o) > 1:
            o[1 + b % (len(o) - 1)] = None
    elif t is dict:
        o.pop(SPELL[1 + b % 2], None)
    elif t is Cb:
        o.v = None
    elif t in INSTANCE:
        place = full_place(o, b)
        if hasattr(o, place):
            delattr(o, place)


def op_take(k, a, b, c):
    o = names[a]
    t = type(o)
    v = None
    if t is list or t is tuple:
        if len(o) > 1:
            v = o[1 + b % (len(o) - 1)]
    elif t is dict:
        v = o.get(SPELL[b % 3])
    elif t is Cb:
        v = o.v
    elif t in INSTANCE:
        places = INSTANCE[t]
        v = getattr(o, places[b % len(places)], None)
    o = None
    names[k] = v


def op_append(k, a, b, c):
    o = names[k]
    if type(o) is list:
        o.append(names[a])


def op_pop(k, a, b, c):
    o = names[k]
    if type(o) is list and len(o) > 1:
        o.pop()


def op_copy(k, a, b, c):
    names[k] = names[a]


def op_drop(k, a, b, c):
    names[k] = None


def op_weak(k, a, b, c):
    o = names[a]
    if type(o) in WEAK:
        names[k] = weakref.ref(o)


def op_watch(k, a, b, c):
    o = names[a]
    if type(o) in WEAK:
        back = Cb(fresh(), c, names[b], marker(o), b)
        w = weakref.ref(o, back)
        o = back = None
        names[k] = w


def op_deref(k, a, b, c):
    o = names[a]
    if type(o) is weakref.ref:
        v = o()
        o = None
        names[k] = v


def op_send(k, a, b, c):
    o = names[k]
    if type(o) is GENERATOR:
        try:
            o.send(names[a])
        except TypeError:
            log.append("T")
        except StopIteration:
            log.append("S")


def op_close(k, a, b, c):
    o = names[k]
    if type(o) is GENERATOR:
        # One that never ran keeps its locals when it is closed (3.13.0), the heap
        # releases them. It is started first; if that is lifted, they are
        # released here.
        if lift != "unstarted":
            next(o, None)
            o.close()
        elif not o.gi_suspended and not o.gi_running and o.gi_frame is not None:
            log.append("u%d" % marker(o))
            frame = o.gi_frame
            o.close()
            frame.f_locals["v"] = None
        else:
            o.close()


def op_collect(k, a, b, c):
    log.append("=%d" % gc.collect(k))


def op_freeze(k, a, b, c):
    gc.freeze()


def op_unfreeze(k, a, b, c):
    gc.unfreeze()


def op_saveall(k, a, b, c):
    gc.set_debug(debug | gc.DEBUG_SAVEALL)
    log.append("=%d" % gc.collect(k))
    gc.set_debug(debug)


def rank(v):
    if type(v) is weakref.ref:
        return (0, v.__callback__.m if v.__callback__ is not None else 0)
    return (1, marker(v))


def op_forget(k, a, b, c):
    items = sorted(gc.garbage, key=rank)
    gc.garbage.clear()
    for at in range(len(items)):
        items[at] = None


def op_lower(k, a, b, c):
    if raised:
        names[k] = raised.pop(min(raised))


def op_note(k, a, b, c):
    o = names[a]
    if type(o) in WEAK:
        notes[o] = names[b]


def op_noted(k, a, b, c):
    o = names[a]
    v = notes.get(o) if type(o) in WEAK else None
    o = None
    names[k] = v


def op_unnote(k, a, b, c):
    o = names[a]
    if type(o) in WEAK:
        notes.pop(o, None)


def op_clear(k, a, b, c):
    notes.clear()


def op_ask(k, a, b, c):
    o = names[a]
    if type(o) is O or type(o) is FO:
        o.__dict__


def op_through(k, a, b, c):
    o = names[k]
    if type(o) is O or type(o) is FO:
        o.__dict__[free_place(o, b)] = names[a]


OPS = {name[3:]: code for name, code in globals().items() if name.startswith("op_")}


def tick():
    pass


def run(lines, text, out):
    global counter, lift, told, kind, debug
    head = lines[0].split()
    lift = head[5] if len(head) > 5 else ""
    kind = {"tuples": "tuple", "dicts": "dict", "asked": "dict"}.get(lift)
    closely = kind is not None
    text = text or closely or lift == "mixed"
    every = 1 if closely else EVERY
    counter = 0
    gc.collect()
    gc.freeze()
    young = int(head[2])
    gc.set_threshold(young, *map(int, head[3:5]))
    base = gc.get_stats()
    if kind is not None:
        told = sys.stderr = io.StringIO()
        debug = gc.DEBUG_COLLECTABLE
        gc.set_debug(debug)
    log.clear()
    out.append(lines[0])
    for at, line in enumerate(lines[1:]):
        code, k, a, b, c = line.split()
        OPS[code](int(k), int(a), int(b), int(c))
        if log:
            out.append("E %d %s" % (at, " ".join(log)))
            log.clear()
        # Looked at only when a collection is near: a look takes long.
        near = closely and gc.get_count()[0] + 8 > young
        before = describe(base) if near else None
        gc.enable()
        Probe()
        tick()
        gc.disable()
        if log:
            if closely:
                out.extend("B %d %s" % (at, part) for part in before.split("\n"))
            out.append("A %d %s" % (at, " ".join(log)))
        collected = bool(log) or code == "collect"
        log.clear()
        if collected or at % every == every - 1 or at == len(lines) - 2:
            state = describe(base)
            if text:
                out.extend("T %d %s" % (at, part) for part in state.split("\n"))
            out.append("S %d %d" % (at, zlib.crc32(state.encode())))
            state = None
        before = None
    told = None
    debug = 0
    gc.set_debug(0)
    sys.stderr = sys.__stderr__
    notes.clear()
    for at in range(NAMES):
        names[at] = None
    raised.clear()
    gc.garbage.clear()
    gc.collect()
    raised.clear()
    gc.collect()
    log.clear()


def main():
    text = "text" in sys.argv
    gc.disable()
    warm(O)
    warm(FO)
    log.clear()
    gc.callbacks.append(on_collection)
    out = []
    lines = []
    for line in sys.stdin:
        line = line.rstrip("\n")
        if line == ".":
            run(lines, text, out)
            lines = []
            sys.stdout.write("\n".join(out) + "\n.\n")
            out.clear()
        else:
            lines.append(line)


main()
