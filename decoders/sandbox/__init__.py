"""Where vendor code runs: worker processes that hold a JavaScript engine and nothing else.

`calls` has the data that goes in and comes out; `decoders.javascript` is the door.
"""
