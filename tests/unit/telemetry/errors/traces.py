"""What real interpreters and compilers print, with the paths of bots on a node."""

CODE = "a" * 64
LAYER = "b" * 64

PYTHON = f"""Traceback (most recent call last):
  File "/data/cache/{CODE}/main.py", line 41, in main
    trade(config)
  File "/data/cache/{CODE}/desk/orders.py", line 12, in trade
    client.create_order(symbol)
  File "/data/cache/{LAYER}/ccxt/binance.py", line 6012, in create_order
    response = self.privatePostOrder(request)
ccxt.base.errors.InsufficientFunds: binance Account has insufficient balance for BTC/USDT: 12.5
"""
CAUSED = f"""Traceback (most recent call last):
  File "/data/cache/{CODE}/main.py", line 19, in parse
    return float(json.loads(answer)["price"])
           ~~~~~~~~~~~~~~~~~~^^^^^^^^^
KeyError: 'price'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/data/cache/{CODE}/main.py", line 29, in main
    parse(answer)
  File "/data/cache/{CODE}/main.py", line 21, in parse
    raise BadAnswer(f"cannot read {{answer!r}}") from error
main.BadAnswer: cannot read '{{"prize": 99.0}}'
"""
DURING = CAUSED.replace(
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
NAMED_BEFORE = f"""2026-11-23T11:19:52.426646334Z [ERROR] BOT-001.Cross: Error on handling Bar(BTCUSDT.SIM)
KeyError('BTC (spot)'
is not quoted)
Traceback (most recent call last):
  File "nautilus_trader/common/actor.pyx", line 3952, in nautilus_trader.common.actor.Actor.handle_bar
  File "/data/cache/{CODE}/strategy.py", line 35, in on_bar
    self.hold(size(bar))
              ~~~~^^^^^
  File "/data/cache/{LAYER}/pandas/core/frame.py", line 812, in apply
    return self.func(row)
  File "/data/cache/{CODE}/desk/sizing.py", line 4, in size
    return prices[symbol]

"""
"""As nautilus_trader prints it."""
NAMED_BEFORE_CHAINED = f"ERROR main failed\nBadAnswer(no price)\n{CAUSED[: CAUSED.rindex('main.BadAnswer')]}"
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/local/code/main.py", line 8, in main
  |     async with asyncio.TaskGroup() as group:
  |   File "/usr/lib/python3.11/asyncio/taskgroups.py", line 145, in __aexit__
  |     raise me from None
  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/local/code/main.py", line 3, in quote
    |     raise Odd("x 1")
    | Odd: x 1
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/app/local/code/main.py", line 5, in hedge
    |     book["price"]
    | KeyError: 'price'
    |
    | The above exception was the direct cause of the following exception:
    |
    | Traceback (most recent call last):
    |   File "/app/local/code/main.py", line 6, in hedge
    |     raise ValueError("bad 5") from error
    | ValueError: bad 5
    +------------------------------------
"""
SYNTAX = f"""Traceback (most recent call last):
  File "/data/cache/{CODE}/main.py", line 4
    if price > 10
                 ^
SyntaxError: expected ':'
"""
PYDANTIC = """Traceback (most recent call last):
  File "/app/local/code/main.py", line 7, in on_order
    Order.model_validate(message)
pydantic_core._pydantic_core.ValidationError: 1 validation error for Order
price
  Field required [type=missing]
"""
NODE = """file:///data/local/allocations/one/work/program/main.mjs:2
  throw new Error("order failed", {cause: e})
        ^

Error: order failed for BTC/USDT
    at outer (file:///data/local/allocations/one/work/program/main.mjs:2:59)
    at async main (file:///data/local/allocations/one/work/program/lib/run.mjs:3:30)
    ... 3 lines matching cause stack trace ...
    at async asyncRunEntryPointWithESMLoader (node:internal/modules/run_main:117:5) {
  [cause]: TypeError: bad 12
      at inner (file:///data/local/allocations/one/work/program/main.mjs:1:25)
      at new Feed (/data/cache/layer/node_modules/feed/index.js:9:1)
      at file:///data/local/allocations/one/work/program/main.mjs:4:1
}

Node.js v20.20.2
"""
AGGREGATE = """node:internal/process/promises:391
    triggerUncaughtException(err, true /* fromPromise */);
    ^

[AggregateError: All promises were rejected] {
  [errors]: [
    Error: one
        at one (file:///data/x/work/program/main.mjs:2:39),
    InsufficientFunds: two
    lines
        at two (file:///data/x/work/program/main.mjs:3:39)
  ]
}

Node.js v20.20.2
"""
JAVA = """Exception in thread "main" java.lang.RuntimeException: outer
\tat com.desk.Main.main(Main.java:2)
\tSuppressed: java.lang.Error: sup
\t\t... 1 more
Caused by: java.lang.IllegalStateException: x 5
\tat com.desk.Main.lambda$f$0(Main.java:9)
\tat java.base/java.lang.Thread.run(Thread.java:833)
\t... 1 more
"""
RUST = """thread 'main' (19450) panicked at src/book.rs:41:29:
called `Option::unwrap()` on a `None` value
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
RUST_OLD = "thread 'main' panicked at 'no money: 12', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1`\n"
RUST_BACKTRACE = """thread 'main' (19450) panicked at src/book.rs:1:37:
called `Option::unwrap()` on a `None` value
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::option::Option<T>::unwrap
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/option.rs:1016:21
   2: grid::book::best
             at /tmp/build/program/src/book.rs:1:37
   3: serde_json::from_str
             at /root/.cargo/registry/src/index/serde_json-1.0/src/de.rs:7:2
   4: grid::main
             at ./src/main.rs:2:53
   5: core::ops::function::FnOnce::call_once
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""
GO = """panic: assignment to entry in nil map

goroutine 18 [running]:
main.(*Bot).run(0x1, {0x2, 0x3})
\t/src/program/bot.go:3
main.main.func1()
\t/src/program/main.go:4 +0x36
created by main.main in goroutine 1
\t/src/program/main.go:4 +0x87
exit status 2
"""
GO_RUNTIME = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
runtime.gopanic({0x1, 0x2})
\t/usr/local/go/src/runtime/panic.go:884 +0x1
main.main()
\t/src/program/main.go:9 +0x1d
"""
CPP = """terminate called after throwing an instance of 'std::runtime_error'
  what():  no feed 12
"""
SANITIZER = """=================================================================
==19525==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x5627
READ of size 4 at 0x602000000010 thread T0
    #0 0x56273d78d1f4 in Book::best(int) /tmp/build/program/book.cpp:21:10
    #1 0x56273d78d1f9 in main /tmp/build/program/main.cpp:9:5
    #2 0x7f3f67245249 in __libc_start_call_main ../sysdeps/nptl/libc_start_call_main.h:58
    #3 0x56273d78d0b0 in _start (/tmp/build/bot+0x10b0)

freed by thread T0 here:
    #0 0x7f3f674ba038 in operator delete[](void*) ../src/asan_new_delete.cpp:155
==19525==ABORTING
"""
GDB = """double free or corruption (out)
#0  0x00007ffff7c8e83c in abort () from /lib/x86_64-linux-gnu/libc.so.6
#1  0x000055d0 in Book::~Book (this=0x1) at book.cpp:44
#2  main () at main.cpp:9
"""
BACKTRACE = """terminate called after throwing an instance of 'std::out_of_range'
  what():  vector
./bot(_ZN4Book4bestEv+0x1d) [0x4005d0]
/lib/x86_64-linux-gnu/libc.so.6(abort+0xd3) [0x7f3f]
"""
EVERY = {
    "python": PYTHON,
    "caused": CAUSED,
    "group": GROUP,
    "syntax": SYNTAX,
    "node": NODE,
    "aggregate": AGGREGATE,
    "java": JAVA,
    "rust": RUST,
    "rust with a backtrace": RUST_BACKTRACE,
    "go": GO,
    "c++": CPP,
    "sanitizer": SANITIZER,
}
