"""From an error to a sentence and an exit code, the same for every command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from stadtfunk.commands.options import error_console
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text, translated

if TYPE_CHECKING:
    from config.problems import ConfigurationError


@contextmanager
def reported() -> Iterator[None]:
    """Say expected errors in one sentence and exit with their code; a defect keeps its traceback."""
    import psycopg

    from config.problems import ConfigurationError
    from decoders.mapping import MappingError
    from decoders.registry import RegistryError
    from storage.embedded import EmbeddedError
    from storage.failures import Fatal, Retryable
    from storage.refusal import MigrationRefused

    try:
        yield
    except ConfigurationError as error:
        _print_problems(error)
        raise typer.Exit(ExitCode.CONFIGURATION) from None
    except (RegistryError, MappingError) as error:
        for problem in error.problems:
            say(problem)
        raise typer.Exit(ExitCode.CONFIGURATION) from None
    except (Retryable, Fatal, EmbeddedError) as error:
        say(text("The database cannot be used: {error}", error=error))
        raise typer.Exit(ExitCode.UNAVAILABLE) from None
    except psycopg.errors.UndefinedTable:
        say(text("The tables are missing or older than this version: run `stadtfunk migrate`."))
        raise typer.Exit(ExitCode.UNAVAILABLE) from None
    except psycopg.OperationalError as error:
        say(text("The database cannot be used: {error}", error=str(error).strip().partition("\n")[0]))
        raise typer.Exit(ExitCode.UNAVAILABLE) from None
    except MigrationRefused as error:
        say(text("The database is not changed: {error}", error=error))
        raise typer.Exit(ExitCode.FAILURE) from None


def _print_problems(error: "ConfigurationError") -> None:
    """Problems hide secrets themselves; redacting again would take `password: expected …` for one."""
    out = error_console()
    out.print(text("The configuration has {count} problem(s):", count=len(error.problems)))
    for problem in error.problems:
        found = text(", found {value}", value=problem.found) if problem.found else ""
        line = f"  {problem.place}: {translated(problem.template).format_map(problem.details)}{found}"
        out.print(line, markup=False, soft_wrap=True)


def say(sentence: str) -> None:
    """One line to standard error, without secrets, whatever it was made of."""
    from config.redact import redact

    error_console().print(redact(sentence), markup=False, soft_wrap=True)
