function decodeUplink(input) { input.bytes.calls = (input.bytes.calls || 0) + 1; input.variables.calls = (input.variables.calls || 0) + 1; return { data: { calls: input.variables.calls } }; }
