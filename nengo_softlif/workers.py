"""Calls spread over workers: processes of this machine, or a Dask cluster."""

import asyncio
import contextlib
import multiprocessing
import os
import threading
from concurrent.futures import (
    CancelledError,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from concurrent.futures.process import BrokenProcessPool

from nengo.exceptions import NengoException, ValidationError

_ONE_AT_A_TIME = threading.Lock()
"""Workers of Dask have several threads, but what we call uses all processors itself."""

TIMEOUT = 10
"""Seconds in which a scheduler has to answer."""

DEATHS = 3
"""How many processes of this machine may die before it is no accident."""


def spread(function, calls, scheduler=None, apart=False, progress_bar=False):
    """Call a function with each of some tuples of arguments.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it. Done here, it is also told
        ``progress_bar``.
    calls : list of tuple
        Arguments, which can be pickled.
    scheduler : str, optional
        Address of a Dask scheduler.
    apart : bool
        Whether to call in other processes, if there is no cluster.
    progress_bar : bool
        For calls that are done here.

    Yields
    ------
    int, object
        Place among the calls, and what came back; in the order in which they are done.
    """
    if scheduler is not None:
        yield from _on_cluster(function, calls, scheduler)  # also to tell it is there
    elif apart and len(calls) > 1 and (os.cpu_count() or 1) > 1:
        yield from _in_processes(function, calls)
    else:
        for i, call in enumerate(calls):
            yield i, function(*call, progress_bar)


def _in_processes(function, calls):
    """Call in processes of this machine; calls of those that died are made again."""
    # others than fork do not copy the state of threads that are not copied
    context = multiprocessing.get_context("spawn")
    left, deaths = dict(enumerate(calls)), 0
    while left:
        n_left, n_processes = len(left), min(len(left), os.cpu_count() or 1)
        with _shut_down(ProcessPoolExecutor(n_processes, context)) as pool:
            futures = {}
            with contextlib.suppress(BrokenProcessPool):
                for i, call in left.items():
                    futures[pool.submit(_answer, function, call)] = i
            for future in as_completed(futures):
                with contextlib.suppress(BrokenProcessPool):
                    result = _returned(future.result())
                    del left[futures[future]]
                    yield futures[future], result
        deaths = 0 if len(left) < n_left else deaths + 1
        if deaths == DEATHS:
            raise ChildProcessError(
                "processes that did the work died again and again; look whether memory "
                "is full. What is done is kept in the work folder, if there is one. A "
                'script needs if __name__ == "__main__": around the call'
            )


@contextlib.contextmanager
def _shut_down(pool):
    """Let no call begin that has not, when one fails or is interrupted."""
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _answer(function, call):
    """Call; errors of Nengo's, which cannot be pickled, come back in parts."""
    try:
        with _ONE_AT_A_TIME:
            return function(*call), None
    except NengoException as error:
        attr = getattr(error, "attr", None)
        return None, (type(error), error.args, {"attr": attr} if attr else {})


def _returned(answer):
    """Return what a function returned, or raise what it raised."""
    result, raised = answer
    if raised is not None:
        kind, args, named = raised
        raise kind(*args, **named)
    return result


def _on_cluster(function, calls, address):
    """Call on the workers of a Dask cluster, which replaces those that die."""
    with _connected(address) as client:
        from distributed import KilledWorker

        executor = client.get_executor(pure=False)
        futures = {
            executor.submit(_answer, function, call): i for i, call in enumerate(calls)
        }
        try:
            for future in as_completed(futures):
                yield futures[future], _returned(future.result())
        except KilledWorker as error:
            raise ChildProcessError(
                "a piece of the work killed several workers, one after the other; look "
                "whether their memory is full. What is done is kept in the work "
                "folder, if there is one"
            ) from error
        except CancelledError as error:
            raise ConnectionError(
                f"the scheduler at {address} has gone before all was done; start it "
                "again, and run the same command: what is done is kept in the work "
                "folder, if there is one"
            ) from error
        finally:
            for future in futures:
                future.cancel()


@contextlib.contextmanager
def _connected(address):
    """Connect to a scheduler that answers, and has workers."""
    if not isinstance(address, str) or not address:  # of which Dask makes something
        raise _no_address(address)
    try:
        import distributed
    except ImportError as error:
        raise ImportError(
            "a scheduler needs Dask's distributed, which is not installed here: "
            "pip install 'nengo_softlif[cluster]'"
        ) from error
    try:
        with ThreadPoolExecutor(1) as thread:  # notebooks have a loop in theirs
            thread.submit(asyncio.run, _ask(address)).result()
        client = distributed.Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, TimeoutError, asyncio.TimeoutError) as error:
        raise ConnectionError(
            f"no scheduler answers at {address} within {TIMEOUT} s ({error}); start "
            "one with 'dask scheduler', and give the address that it tells"
        ) from error
    except (TypeError, ValueError) as error:
        raise _no_address(address) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=TIMEOUT)
        except (OSError, TimeoutError) as error:
            raise ConnectionError(
                f"the scheduler at {address} has no workers; start some with 'dask "
                f"worker {address}'"
            ) from error
        yield client


async def _ask(address):
    """Wait for an answer: Dask's client has no bound for what accepts and is mute."""
    from distributed import Security
    from distributed.comm import connect

    options = Security().get_connection_args("client")
    asked = connect(address, timeout=TIMEOUT, **options)
    comm = await asyncio.wait_for(asked, TIMEOUT)
    await comm.close()


def _no_address(address):
    return ValidationError(
        f"expected the address of a scheduler, such as tcp://10.0.0.1:8786, got "
        f"{address!r}",
        attr="scheduler",
    )
