"""`mien serve`: the recognizer as a web page and an API."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.errors import complain


def serve(
    port: Annotated[int | None, typer.Option(help="0 takes any that is free.")] = None,
    host: Annotated[str | None, typer.Option(help="0.0.0.0 lets others in; they need keys, and a purpose must be given.")] = None,
    model: Annotated[str | None, typer.Option(help="As for mien predict.")] = None,
    detector: Annotated[str | None, typer.Option(help="As for mien predict.")] = None,
    smooth: Annotated[str | None, typer.Option(help="How live answers are steadied: none, ema or majority.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What faces are read for: personal, research, practice ...")] = None,
    legal_basis: Annotated[str | None, typer.Option(help="Why a restricted purpose is lawful here.")] = None,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Of the database; :memory: keeps nothing.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as TOML; docs/server.md lists them.")] = None,
    json_logs: Annotated[bool | None, typer.Option("--json-logs", help="A JSON object a request, on standard error.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Show the settings, open everything once, and stop.")] = False,
) -> None:
    """Serve a page, a REST API and live video on this machine: open the address that it prints.

    Every setting is also a variable of the environment, MIEN_SERVE_PORT and so on. Stop it with Ctrl-C.
    """
    from mien.serving.settings import data_folder, settings

    flags = {
        "port": port, "host": host, "model": model, "detector": detector, "smooth": smooth, "purpose": purpose,
        "legal_basis": legal_basis, "data": data, "json_logs": json_logs,
    }  # fmt: skip
    made = settings(flags, file=config)
    if check:
        from mien.serving.server import refuse_taken
        from mien.serving.service import Service

        service = Service(made)
        service.open()
        service.close()
        refuse_taken(made.host, made.port)
        for name, value in {**asdict(made), "data": made.data or str(data_folder())}.items():
            typer.echo(f"{name} = {value!r}")
        typer.echo("everything opens")
        return
    from mien.serving.server import serve as run

    shown = "127.0.0.1" if made.host in ("0.0.0.0", "::") else made.host
    shown = f"[{shown}]" if ":" in shown else shown

    def told(port: int) -> None:
        typer.echo(f"mien is at http://{shown}:{port}   (Ctrl-C stops it)")

    if status := run(made, told):
        complain(f"could not serve at {made.host}, port {made.port}; is another program there?")
        raise typer.Exit(status)
