function decodeUplink() { require.calls = (require.calls || 0) + 1; return { data: { calls: require.calls || 1 } }; }
