function decodeUplink() { return { data: { calls: Function("this.calls = (this.calls || 0) + 1; return this.calls")() } }; }
