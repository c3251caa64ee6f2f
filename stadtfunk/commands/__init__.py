"""The commands of `stadtfunk`, one module each.

A command imports what it needs when it runs, so that `stadtfunk --help` stays fast.
"""
