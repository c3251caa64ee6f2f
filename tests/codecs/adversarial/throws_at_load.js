// expect: not_loaded
throw new Error("not today");
