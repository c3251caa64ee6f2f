"""The minimal `Buffer`; what it should say was taken from Node."""

import pytest


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Buffer.from([1, 256, -1]).toString('hex')", "0100ff"),
        ("Buffer.from('c3a4ff', 'hex').length", 3),
        ("Buffer.from('abc', 'hex').toString('hex')", "ab"),
        ("Buffer.from('äh €😀').toString('hex')", "c3a46820e282acf09f9880"),
        ("Buffer.from('c3a46820e282acf09f9880', 'hex').toString()", "äh €😀"),
        ("Buffer.from([0x61, 0xff, 0x62, 0xe2, 0x82, 0x63]).toString()", "a\ufffdb\ufffdc"),
        ("Buffer.from([0xed, 0xa0, 0x80]).toString()", "\ufffd\ufffd\ufffd"),
        ("Buffer.from('AQID/w==', 'base64').toJSON().data", [1, 2, 3, 255]),
        ("Buffer.from('AQID_w', 'base64url').toString('base64')", "AQID/w=="),
        ("Buffer.from([1, 2, 3, 255]).toString('base64url')", "AQID_w"),
        ("Buffer.from([0xe4, 0x41]).toString('latin1')", "äA"),
        ("Buffer.from([0xe4, 0x41]).toString('ascii')", "dA"),
        ("Buffer.from('hi', 'utf16le').toString('hex')", "68006900"),
        ("Buffer.from([1, 2, 3, 4]).readUInt16BE(1)", 515),
        ("Buffer.from([1, 2, 3, 4]).readUint16LE(1)", 770),
        ("Buffer.from([255, 254]).readInt16BE(0)", -2),
        ("Buffer.from([255, 255, 255, 254]).readUInt32BE()", 4294967294),
        ("Buffer.from([1, 2, 3]).readUIntBE(0, 3)", 66051),
        ("Buffer.from([254, 255, 255]).readIntLE(0, 3)", -2),
        ("Buffer.from('0000a042', 'hex').readFloatLE(0)", 80),
        ("Buffer.from('4054000000000000', 'hex').readDoubleBE(0)", 80),
        ("Buffer.from('00000000000000ff', 'hex').readBigUInt64BE(0)", 255),
        ("Buffer.from([128]).readInt8(0)", -128),
        ("(() => { const b = Buffer.alloc(4); b.writeInt16BE(-2, 1); return b.toString('hex'); })()", "00fffe00"),
        (
            "(() => { const b = Buffer.alloc(3); return [b.writeUIntLE(66051, 0, 3), b.toString('hex')]; })()",
            [3, "030201"],
        ),
        ("(() => { const b = Buffer.alloc(4); b.writeFloatBE(1.5); return b.toString('hex'); })()", "3fc00000"),
        ("Buffer.alloc(3, 'ab').toString()", "aba"),
        ("Buffer.concat([Buffer.from([1]), Buffer.from([2, 3])]).length", 3),
        ("Buffer.concat([Buffer.from([1]), new Uint8Array([2, 3])], 2).toString('hex')", "0102"),
        ("Buffer.isBuffer(Buffer.alloc(1)) && !Buffer.isBuffer(new Uint8Array(1))", True),
        ("Buffer.alloc(1) instanceof Uint8Array", True),
        ("(() => { const b = Buffer.from([1, 2, 3]); b.slice(1)[0] = 9; return b[1]; })()", 9),
        ("Buffer.isBuffer(Buffer.from([1, 2]).slice(1))", True),
        ("Buffer.from([1, 2, 3]).equals(Buffer.from([1, 2, 3]))", True),
        ("Buffer.from('hello').indexOf('l')", 2),
        ("Buffer.from('hello').includes('lo')", True),
        ("Buffer.byteLength('ä')", 2),
        ("Buffer.from(Buffer.from([7])).toJSON()", {"type": "Buffer", "data": [7]}),
        ("new Buffer([1, 2]).toString('hex') + Buffer('ff', 'hex').length", "01021"),
        ("Buffer.from(input.bytes).map((b) => b + 1).toString('hex')", "02"),
        ("[...Buffer.from([3, 4]).entries()]", [[0, 3], [1, 4]]),
        (
            "(() => { try { Buffer.alloc(1).readUInt16BE(0); } catch (e) { return e.code + e.name; } })()",
            "ERR_OUT_OF_RANGERangeError",
        ),
        ("(() => { try { Buffer.from('a', 'x'); } catch (e) { return e.message; } })()", "Unknown encoding: x"),
        ("require('buffer').Buffer === Buffer", True),
    ],
)
def test_is_like_the_one_in_node(expression, expected, value):
    assert value(expression) == expected
