"""RFC 8785 canonical JSON, written from the RFC and independent of Indelible's TypeScript.

Numbers: repr() gives the same shortest digits as ECMAScript; only their layout differs.
"""
import json
import math
import struct


def number(value):
    """ECMAScript's Number::toString (RFC 8785 section 3.2.2.3)."""
    if isinstance(value, bool):
        raise TypeError("a boolean is not a number")
    if isinstance(value, int):
        value = float(value)
    if not math.isfinite(value):
        raise ValueError("NaN and infinities are not JSON")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    scale = int(exponent or 0) - len(fraction)
    stripped = digits.rstrip("0")
    scale += len(digits) - len(stripped)
    digits = stripped
    point = len(digits) + scale  # the value is 0.digits * 10^point
    if 0 < point <= 21:
        if scale >= 0:
            return sign + digits + "0" * scale
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    tail = "." + digits[1:] if len(digits) > 1 else ""
    return sign + digits[0] + tail + "e" + ("+" if power > 0 else "-") + str(abs(power))


def string(value):
    value.encode("utf-8")  # raises for lone surrogates
    return json.dumps(value, ensure_ascii=False)


def canonical(value):
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return string(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(string(key) + ":" + canonical(value[key]) for key in keys) + "}"


def double(hex_bits):
    return struct.unpack(">d", bytes.fromhex(hex_bits))[0]
