// expect: not_loaded
