"""`python -m stadtfunk`: the command line, for places where the script is not on the path."""

from stadtfunk.cli import main

if __name__ == "__main__":
    main()
