"""`stadtfunk doctor`: what is wrong with this installation, one line each, and how to mend it.

One module per subject. A check collects facts, a judgement, pure, turns them into findings; `examination` runs the
checks beside each other and lets none of them end the others.
"""
