"""The command ``convis-xr``. Jobs import what they need, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import convis_xr as cx
from convis_xr.errors import ContractError, ConvisError, explain

_QUANTITY = 'a bare number is samples; else a quantity such as "0.5 s"'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its arguments; by default those that the process was started with.

    Returns
    -------
    int
        0; 2 where something is wrong with what was asked for, 130 where it was interrupted.
    """
    arguments = _parser().parse_args(argv)
    try:
        with _telling():
            arguments.job(arguments)
    except (ConvisError, OSError) as error:
        print(f"convis-xr: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("convis-xr: interrupted", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _telling() -> Iterator[None]:
    """Say on standard error that kernels are being compiled, terminal or not."""
    log, handler = logging.getLogger("convis_xr.compiling"), logging.StreamHandler()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("convis-xr", description="Models of early vision on films, out of core.")
    parser.add_argument("--version", action="version", version=f"convis-xr {cx.__version__}")
    jobs = parser.add_subparsers(title="jobs", required=True, metavar="JOB")
    demo = jobs.add_parser("demo", help="a film through the retina, with pictures", description=_demo.__doc__)
    demo.add_argument("--output", type=Path, default=Path("demo_output"), metavar="DIR", help="default: %(default)s")
    demo.set_defaults(job=_demo)
    _add_run(jobs)
    info = jobs.add_parser("info", help="what a store or a film is", description=_info.__doc__)
    info.add_argument("path", type=Path, metavar="PATH")
    info.set_defaults(job=_info)
    return parser


def _add_run(jobs: Any) -> None:
    run = jobs.add_parser("run", help="run a model over a stimulus, into a zarr store", description=_run.__doc__)
    model = "a preset of the retina (human_parvo, primate, cat_x), or a configuration file of one (.xml, .json)"
    run.add_argument("model", metavar="MODEL", help=model)
    run.add_argument("stimulus", type=Path, metavar="STIMULUS", help="zarr, netCDF, npy, film, folder of pictures, inr")
    run.add_argument("output", type=Path, metavar="OUTPUT", help="zarr store to write")
    run.add_argument("--dt", metavar="TIME", help='resample to this time step, each frame held: "1 ms"')
    run.add_argument("--step", metavar="TIME", help='time step of a file that has none (pictures): "40 ms"')
    run.add_argument("--pixel-size", metavar="ANGLE", help='pixel pitch of a file that has none: "0.05 deg"')
    run.add_argument("--outputs", metavar="NAME,NAME", help="what to keep; by default the spikes of each cell type")
    cut = run.add_mutually_exclusive_group()
    cut.add_argument("--chunk", metavar="LENGTH", help=f"time computed at once: {_QUANTITY}")
    cut.add_argument("--memory", metavar="BYTES", help='what the run may use: "2 GiB"')
    run.add_argument("--seed", type=int, help="of the noise")
    run.add_argument("--repeats", type=int, metavar="N", help="number of trials, which differ in their noise")
    run.add_argument("--region", metavar="Y:Y,X:X", help='part of the frame: "10:20,:" (pixels), "-1 deg:1 deg,:"')
    run.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    run.set_defaults(job=_run)


def _demo(arguments: argparse.Namespace) -> None:
    """Send a film through the primate retina, out of core, and leave a store, a picture and a film of it."""
    from convis_xr.demo import demo

    demo(arguments.output)


def _run(arguments: argparse.Namespace) -> None:
    """Run a retina over a stimulus of any length; the response is written to a zarr store while it is computed."""
    stimulus = cx.open_stimulus(arguments.stimulus, dt=arguments.step, pixel_size=arguments.pixel_size)
    if arguments.dt is not None:
        stimulus = cx.io.resample(stimulus, dt=arguments.dt)
    chunk = arguments.chunk
    response = cx.run(
        _retina(arguments.model),
        stimulus,
        outputs=None if arguments.outputs is None else arguments.outputs.split(","),
        chunk=int(chunk) if chunk is not None and chunk.isdecimal() else chunk,
        memory=arguments.memory,
        seed=arguments.seed,
        repeats=arguments.repeats,
        region=None if arguments.region is None else [_slice(part) for part in arguments.region.split(",")],
        store=arguments.output,
        resume=arguments.resume,
    )
    print(response)


def _retina(model: str) -> Any:
    """A retina by its preset's name, or by the file that describes it."""
    from_file = Path(model).suffix.lower() in (".xml", ".json")
    return cx.models.Retina.from_config(model) if from_file else cx.models.Retina(model)


def _slice(text: str) -> slice:
    """A part of one dimension, as it is written in the command line."""
    ends = [int(end) if end.isdecimal() else end or None for end in map(str.strip, text.split(":"))]
    if len(ends) != 2:
        wanted, cure = "two ends, of rows and of columns", '--region "10:20,:"'
        raise ContractError(explain("--region", wanted=wanted, got=repr(text), cure=cure))
    return slice(*ends)


def _info(arguments: argparse.Namespace) -> None:
    """Say what a store or a film is: its variables, its sampling, and whether it is complete."""
    from convis_xr.info import info

    print(info(arguments.path))
