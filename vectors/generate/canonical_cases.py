"""canonical-json.json and canonical-json-rejects.json."""
import json

from canonical import canonical, double

# RFC 8785 Appendix B, in its order. None: not a JSON number, must be refused.
APPENDIX_B = [
    ("0000000000000000", "0", "zero"),
    ("8000000000000000", "0", "minus zero"),
    ("0000000000000001", "5e-324", "smallest positive number"),
    ("8000000000000001", "-5e-324", "smallest negative number"),
    ("7fefffffffffffff", "1.7976931348623157e+308", "largest positive number"),
    ("ffefffffffffffff", "-1.7976931348623157e+308", "largest negative number"),
    ("4340000000000000", "9007199254740992", "largest positive integer"),
    ("c340000000000000", "-9007199254740992", "largest negative integer"),
    ("4430000000000000", "295147905179352830000", "about 2**68"),
    ("7fffffffffffffff", None, "NaN"),
    ("7ff0000000000000", None, "infinity"),
    ("44b52d02c7e14af5", "9.999999999999997e+22", ""),
    ("44b52d02c7e14af6", "1e+23", ""),
    ("44b52d02c7e14af7", "1.0000000000000001e+23", ""),
    ("444b1ae4d6e2ef4e", "999999999999999700000", ""),
    ("444b1ae4d6e2ef4f", "999999999999999900000", ""),
    ("444b1ae4d6e2ef50", "1e+21", ""),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7", ""),
    ("3eb0c6f7a0b5ed8d", "0.000001", ""),
    ("41b3de4355555553", "333333333.3333332", ""),
    ("41b3de4355555554", "333333333.33333325", ""),
    ("41b3de4355555555", "333333333.3333333", ""),
    ("41b3de4355555556", "333333333.3333334", ""),
    ("41b3de4355555557", "333333333.33333343", ""),
    ("becbf647612f3696", "-0.0000033333333333333333", ""),
    ("43143ff3c1cb0959", "1424953923781206.2", "round to even"),
]
MORE_NUMBERS = [
    ("3ff0000000000000", "1", ""),
    ("bff0000000000000", "-1", ""),
    ("433fffffffffffff", "9007199254740991", "largest safe integer"),
    ("3fb999999999999a", "0.1", ""),
    ("3fd3333333333334", "0.30000000000000004", "0.1 + 0.2"),
    ("000fffffffffffff", "2.225073858507201e-308", "largest subnormal number"),
    ("0010000000000000", "2.2250738585072014e-308", "smallest normal number"),
    ("3e7ad7f29abcaf48", "1e-7", "first below the plain range"),
    ("4341c37937e08000", "10000000000000000", ""),
    ("3f50624dd2f1a9fc", "0.001", ""),
    ("7ff8000000000000", None, "another NaN"),
    ("fff0000000000000", None, "minus infinity"),
]

SAMPLE = r"""{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}"""
SAMPLE_HEX = (
    "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a"
    "5b3333333333333333332e333333333333332c31652b33302c342e352c302e3030322c31652d32375d2c"
    "22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f227d"
)
SORTING = r"""{
  "\u20ac": "Euro Sign",
  "\r": "Carriage Return",
  "\ufb33": "Hebrew Letter Dalet With Dagesh",
  "1": "One",
  "\ud83d\ude00": "Emoji: Grinning Face",
  "\u0080": "Control",
  "\u00f6": "Latin Small Letter O With Diaeresis"
}"""

# name, input text, and the error code when strict parsing refuses the input although RFC 8785 could write it.
CASES = [
    ("RFC 8785 section 3.2.2: the sample object", SAMPLE, "JSON_NUMBER"),
    ("RFC 8785 section 3.2.3: sorting by UTF-16 code units", SORTING, None),
    ("empty object", "{ }", None),
    ("empty array", "[ ]", None),
    ("empty string", '""', None),
    ("empty key", '{"":0}', None),
    ("null", " null ", None),
    ("true", "true\n", None),
    ("false", "\tfalse", None),
    ("minus zero", "-0", None),
    ("one as an exponent", "1e0", None),
    ("trailing zeros", "[1.0,1.10,100e-2]", None),
    ("no sorting in arrays", "[3,1,2,[2,1]]", None),
    ("nested sorting", '{"b":{"z":1,"a":[{"y":1,"x":2}]},"a":{}}', None),
    ("upper case before lower case, digits as text", '{"a":1,"B":2,"10":3,"9":4,"_":5,"A":6}', None),
    ("a key that begins another", '{"ab":1,"a":2,"a ":3,"a\\u0000":4}', None),
    ("a key above the basic plane sorts below U+FF01", '{"\uff01":1,"\U0001f600":2}', None),
    ("short escapes", '"\\u0008\\u0009\\u000a\\u000c\\u000d\\u0022\\u005c"', None),
    ("other controls in lower-case hex", '"\\u0000\\u0001\\u000B\\u000E\\u001F"', None),
    ("what needs no escape", '"\\/\\u007f\\u0080\\u2028\\u2029\\ufeff\\uffff\\u003c"', None),
    ("pairs as characters", '"\\ud83d\\ude00\\uD834\\uDD1E\\udbff\\udfff"', None),
    ("no Unicode normalisation", '["\\u00e9","e\\u0301","\\u212b","\\u00c5"]', None),
    ("a member named __proto__", '{"__proto__":{"a":1},"constructor":2,"a":3}', None),
    ("64 deep", "[" * 64 + "]" * 64, None),
    ("64 deep in objects", '{"a":' * 63 + "{}" + "}" * 63, None),
    ("numbers at the edges", "[9007199254740991,-9007199254740991,9007199254740992,1e21,123e18,1e-6,1e-7,5e-324]", None),
]

# Each text with what must happen: `sent` when a caller sends it, `stored` when it stands where canonical bytes should.
# None: accepted (as another spelling of a value). `hex` where the bytes are not UTF-8.
N, I = "JSON_NOT_CANONICAL", "JSON_INVALID"
REJECTS = [
    ("duplicate key", '{"a":1,"a":1}', "JSON_DUPLICATE_KEY", N),
    ("duplicate key, other value", '{"a":1,"b":0,"a":2}', "JSON_DUPLICATE_KEY", N),
    ("duplicate key in another spelling", '{"a":1,"\\u0061":2}', "JSON_DUPLICATE_KEY", N),
    ("duplicate key, nested", '[{"x":{"k":[],"k":[]}}]', "JSON_DUPLICATE_KEY", N),
    ("duplicate key __proto__", '{"__proto__":1,"__proto__":2}', "JSON_DUPLICATE_KEY", N),
    ("lone high surrogate", '"\\ud83d"', "JSON_LONE_SURROGATE", N),
    ("lone low surrogate", '"\\ude00"', "JSON_LONE_SURROGATE", N),
    ("surrogates in the wrong order", '"\\ude00\\ud83d"', "JSON_LONE_SURROGATE", N),
    ("lone surrogate in a key", '{"\\ud800":1}', "JSON_LONE_SURROGATE", N),
    ("integer beyond a double", "9007199254740993", "JSON_NUMBER", N),
    ("twenty digits", "12345678901234567890", "JSON_NUMBER", N),
    ("more digits than a double", "0.1234567890123456789", "JSON_NUMBER", N),
    ("overflow", "1e400", "JSON_NUMBER", N),
    ("minus overflow", "-1e400", "JSON_NUMBER", N),
    ("underflow", "1e-400", "JSON_NUMBER", N),
    ("65 deep", "[" * 65 + "]" * 65, "JSON_TOO_DEEP", N),
    ("NaN", "NaN", I, I),
    ("Infinity", "Infinity", I, I),
    ("minus Infinity", "[-Infinity]", I, I),
    ("undefined", "undefined", I, I),
    ("nothing", "", I, I),
    ("white space alone", " \n", I, I),
    ("two values", "1 2", I, I),
    ("trailing comma", "[1,]", I, I),
    ("trailing comma in an object", '{"a":1,}', I, I),
    ("comment", "[1/*one*/]", I, I),
    ("single quotes", "{'a':1}", I, I),
    ("bare key", "{a:1}", I, I),
    ("leading zero", "01", I, I),
    ("minus leading zero", "-01", I, I),
    ("plus sign", "+1", I, I),
    ("bare point", ".5", I, I),
    ("point without digits", "1.", I, I),
    ("hexadecimal", "0x10", I, I),
    ("control character in a string", '"a\nb"', I, I),
    ("unfinished string", '"abc', I, I),
    ("unfinished escape", '"\\u12"', I, I),
    ("unknown escape", '"\\x41"', I, I),
    ("unfinished object", '{"a":1', I, I),
    ("unfinished literal", "nul", I, I),
    ("form feed as white space", "\f1", I, I),
    ("byte order mark", "\ufeff1", I, I),
    ("space before", " 1", None, N),
    ("newline behind", "{}\n", None, N),
    ("space after a comma", "[1, 2]", None, N),
    ("space after a colon", '{"a": 1}', None, N),
    ("unsorted keys", '{"b":1,"a":2}', None, N),
    ("keys sorted by code point", '{"\uff01":1,"\U0001f600":2}', None, N),
    ("needless escape of a letter", '"\\u0041"', None, N),
    ("escaped slash", '"\\/"', None, N),
    ("long escape of a newline", '"\\u000a"', None, N),
    ("upper-case hex", '"\\u000F"', None, N),
    ("escaped delete character", '"\\u007f"', None, N),
    ("escaped pair", '"\\ud83d\\ude00"', None, N),
    ("minus zero", "-0", None, N),
    ("one and a zero", "1.0", None, N),
    ("exponent of a plain number", "1e2", None, N),
    ("exponent without its sign", "1e21", None, N),
    ("upper-case exponent", "1E+21", None, N),
    ("plain form beyond 1e21", "1000000000000000000000", None, N),
    ("plain form below 1e-6", "0.0000001", None, N),
    ("exponent form above 1e-7", "1e-6", None, N),
]
REJECT_BYTES = [
    ("overlong slash", "22c0af22"),
    ("surrogate in UTF-8", "22eda08022"),
    ("lone continuation byte", "228022"),
    ("cut sequence", "22e28222"),
    ("beyond U+10FFFF", "22f490808022"),
    ("byte 0xff", "22ff22"),
]


def build_canonical():
    for bits, text, _ in APPENDIX_B + MORE_NUMBERS:
        if text is not None:
            assert canonical(double(bits)) == text, (bits, text, canonical(double(bits)))
    cases = []
    for name, text, refused in CASES:
        form = canonical(json.loads(text))
        case = {"name": name, "input": text, "canonical": form, "canonical_hex": form.encode().hex()}
        if refused:
            case["strict_parse_refuses"] = refused
        cases.append(case)
    assert cases[0]["canonical_hex"] == SAMPLE_HEX
    return {
        "about": "Canonical JSON. `input` is any JSON text, `canonical` the one text that is hashed. `strict_parse_refuses`: RFC 8785 can write the value, but a caller who sends this text gets the error, because a number would be rounded.",
        "source": "RFC 8785; the numbers are its Appendix B, then more",
        "cases": cases,
        "numbers": [
            {"ieee754": bits, "canonical": text, **({"note": note} if note else {})}
            for bits, text, note in APPENDIX_B + MORE_NUMBERS
        ],
    }


def build_rejects():
    cases = [{"name": name, "text": text, "sent": sent, "stored": stored} for name, text, sent, stored in REJECTS]
    return {
        "about": "What is refused. `sent`: the error when a caller sends this text. `stored`: the error when these bytes stand where canonical JSON must. null: accepted there, as another spelling of a value.",
        "source": "RFC 8259, RFC 7493 (I-JSON), RFC 8785, RFC 3629",
        "cases": cases,
        "bytes": [{"name": name, "hex": text, "stored": "JSON_INVALID"} for name, text in REJECT_BYTES],
    }
