"""The compiled part of reading JSON into columns: one pass over bytes, no allocation per value.

Every function takes the bytes and a place in them and returns the place after what it read: -1 to give up, -2 where the bytes
end before it does. Numbers are rounded correctly, as Python's `float` does: by one exact division where digits and power of ten
are exact in float64 (Clinger, PLDI 1990), by long division in integers up to 19 digits; the rest is left to `float` itself.
"""

from __future__ import annotations

import numba
import numpy as np

READY, DONE, GAVE_UP, INCOMPLETE = 0, 1, -1, -2
POWERS = 10.0 ** np.arange(23)
WHOLE_POWERS = 10 ** np.arange(19, dtype=np.uint64)


@numba.njit(cache=True, nogil=True)
def after_space(data, at):
    """First place at or after `at` that is no white space."""
    while at < len(data) and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def after_string(data, at):
    """Place after the string that opens at `at`; -1 to give up, -2 at the end. That its bytes are UTF-8 is seen elsewhere."""
    if at >= len(data):
        return -2
    if data[at] != 34:
        return -1
    at += 1
    while at < len(data):
        sign = data[at]
        if sign == 34:
            return at + 1
        if sign < 32 or sign == 127:
            return -1
        if sign == 92:
            at += 1
            if at >= len(data):
                return -2
            sign = data[at]
            if sign == 117:  # \u and four digits
                if at + 4 >= len(data):
                    return -2
                for i in range(at + 1, at + 5):
                    if not (48 <= data[i] <= 57 or 65 <= data[i] <= 70 or 97 <= data[i] <= 102):
                        return -1
                at += 4
            elif not (
                sign == 34 or sign == 92 or sign == 47 or sign == 98 or sign == 102 or sign == 110 or sign == 114
                or sign == 116
            ):  # fmt: skip
                return -1
        at += 1
    return -2


@numba.njit(cache=True, nogil=True)
def _after_number(data, at):
    """Place after the number that begins at `at`; -1 where there is none, -2 where it may go on beyond the end."""
    begin = at
    if at < len(data) and data[at] == 45:
        at += 1
    digits = at
    while at < len(data) and 48 <= data[at] <= 57:
        at += 1
    if at == digits:
        return -1 if at < len(data) else -2
    if data[digits] == 48 and at > digits + 1:
        return -1
    if at < len(data) and data[at] == 46:
        at += 1
        digits = at
        while at < len(data) and 48 <= data[at] <= 57:
            at += 1
        if at == digits:
            return -1 if at < len(data) else -2
    if at < len(data) and (data[at] == 101 or data[at] == 69):
        at += 1
        if at < len(data) and (data[at] == 43 or data[at] == 45):
            at += 1
        digits = at
        while at < len(data) and 48 <= data[at] <= 57:
            at += 1
        if at == digits:
            return -1 if at < len(data) else -2
    if at >= len(data) or at - begin > 60:
        return -2 if at >= len(data) else -1
    return at


@numba.njit(cache=True, nogil=True)
def _after_word(data, at):
    """Place after true, false or null; -1 where there is none."""
    for word in ((116, 114, 117, 101, 0), (102, 97, 108, 115, 101), (110, 117, 108, 108, 0)):
        length = 4 if word[4] == 0 else 5
        if at + length > len(data):
            if at < len(data) and data[at] == word[0]:
                return -2
            continue
        same = True
        for i in range(length):
            same = same and data[at + i] == word[i]
        if same:
            return at + length
    return -1


@numba.njit(cache=True, nogil=True)
def after_value(data, at):
    """Place after any value; -1 to give up (also deeper than 62 levels), -2 at the end."""
    depth, objects = 0, np.uint64(0)  # bit d of objects: level d is an object, not an array
    after_value = False
    while True:
        at = after_space(data, at)
        if at >= len(data):
            return -2
        sign = data[at]
        inside = depth > 0
        in_object = inside and (objects >> np.uint64(depth)) & np.uint64(1) != 0
        if after_value:
            if sign == 44:
                at = after_space(data, at + 1)
                if in_object:
                    at = _after_key(data, at)
                    if at < 0:
                        return at
                after_value = False
                continue
            if (sign == 93 and not in_object) or (sign == 125 and in_object):
                depth -= 1
                at += 1
                if depth == 0:
                    return at
                continue
            return -1
        if sign == 91 or sign == 123:
            depth += 1
            if depth > 62:
                return -1
            bit = np.uint64(1) << np.uint64(depth)
            objects = objects | bit if sign == 123 else objects & ~bit
            at = after_space(data, at + 1)
            if at >= len(data):
                return -2
            if data[at] == (125 if sign == 123 else 93):
                after_value = True
            elif sign == 123:
                at = _after_key(data, at)
                if at < 0:
                    return at
            continue
        if sign == 34:
            at = after_string(data, at)
        elif sign == 45 or 48 <= sign <= 57:
            at = _after_number(data, at)
        else:
            at = _after_word(data, at)
        if at < 0 or depth == 0:
            return at
        after_value = True


@numba.njit(cache=True, nogil=True)
def _after_key(data, at):
    """Place after `"key" :`; negative as for strings."""
    at = after_string(data, at)
    if at < 0:
        return at
    at = after_space(data, at)
    if at >= len(data):
        return -2
    return at + 1 if data[at] == 58 else -1


@numba.njit(cache=True, nogil=True)
def _short(data, at, powers):
    """A number of at most 15 digits without a power, as most are: place after it, value, whole or not; else -1."""
    length = len(data)
    i = at + 1 if at < length and data[at] == 45 else at
    begin, mantissa = i, 0
    while i < length and 48 <= data[i] <= 57:
        mantissa = mantissa * 10 + (data[i] - 48)
        i += 1
    point = i
    if i == begin or (i > begin + 1 and data[begin] == 48):
        return -1, 0.0, 0
    if i < length and data[i] == 46:
        i += 1
        while i < length and 48 <= data[i] <= 57:
            mantissa = mantissa * 10 + (data[i] - 48)
            i += 1
        if i == point + 1:
            return -1, 0.0, 0
    if i - begin > 15 or i >= length or (data[i] != 44 and data[i] != 93 and data[i] != 125):
        return -1, 0.0, 0
    value = np.float64(mantissa) / powers[max(i - point - 1, 0)]
    return i, (-value if begin > at else value), (1 if i == point else 0)


@numba.njit(cache=True, nogil=True)
def _value(data, at, end, powers, whole_powers):
    """The number in data[at:end], and how: 0 a fraction or power, 1 whole, -1 beyond what is exact here."""
    negative = data[at] == 45
    mantissa, digits, scale = np.uint64(0), 0, 0
    i = at + 1 if negative else at
    point, is_whole = False, 1
    while i < end and data[i] != 101 and data[i] != 69:
        if data[i] == 46:
            point, is_whole = True, 0
        else:
            mantissa = mantissa * np.uint64(10) + np.uint64(data[i] - 48)
            digits += 1 if digits > 0 or data[i] != 48 else 0
            scale -= 1 if point else 0
        i += 1
    if i < end:
        is_whole = 0
        i += 1
        down = data[i] == 45
        if data[i] == 45 or data[i] == 43:
            i += 1
        power = 0
        while i < end:
            power = min(power * 10 + (data[i] - 48), 10_000)
            i += 1
        scale += -power if down else power
    if digits > 19:
        return 0.0, -1
    small = mantissa <= np.uint64(1 << 53)
    if small and 0 <= scale <= 22:
        value = np.float64(mantissa) * powers[scale]
    elif small and -22 <= scale < 0:
        value = np.float64(mantissa) / powers[-scale]
    elif not small and -18 <= scale < 0:
        value = _divided(mantissa, whole_powers[-scale])
    else:
        return 0.0, -1
    return (-value if negative else value), is_whole


@numba.njit(cache=True, nogil=True)
def _divided(numerator, divisor):
    """numerator / divisor, rounded to the nearest float64, ties to even; divisor below 2**60, quotient above 2**-8."""
    quotient, rest = numerator // divisor, numerator % divisor
    shift = 0
    while quotient < np.uint64(1 << 54):  # 55 significant bits or more
        rest <<= np.uint64(1)
        quotient <<= np.uint64(1)
        if rest >= divisor:
            rest -= divisor
            quotient |= np.uint64(1)
        shift += 1
    spare = 0
    while (quotient >> np.uint64(spare)) >= np.uint64(1 << 53):
        spare += 1
    kept = quotient >> np.uint64(spare)
    cut = quotient & ((np.uint64(1) << np.uint64(spare)) - np.uint64(1))
    half = np.uint64(1) << np.uint64(spare - 1)
    if cut > half or (cut == half and (rest > np.uint64(0) or kept & np.uint64(1))):
        kept += np.uint64(1)
    return np.ldexp(np.float64(kept), spare - shift)


@numba.njit(cache=True, nogil=True)
def _which(data, start, stop, spelled, lengths, guess):
    """Which key is spelled in data[start:stop], or -1; the one after the last is tried first."""
    for step in range(len(lengths)):
        k = (guess + step) % len(lengths)
        if lengths[k] != stop - start:
            continue
        same = True
        for i in range(lengths[k]):
            if data[start + i] != spelled[k, i]:
                same = False
                break
        if same:
            return k
    return -1


@numba.njit(cache=True, nogil=True)
def scan_records(data, at, going_on, spelled, lengths, widths, offsets, whole, needed, raw, powers, whole_powers):
    """Whole objects from `at` on: their table, how it ended, the place reached, and the numbers left to Python."""
    room = len(data) // 16 + 1
    table = np.empty((min(room, len(data) // (2 * offsets[-1]) + 1), offsets[-1]))
    odd = np.empty((room, 4), np.int64)
    rows, odds, state = 0, 0, READY
    while True:
        i = after_space(data, at)
        if i >= len(data):
            break
        if data[i] == 93:  # ]
            state, at = DONE, i + 1
            break
        if rows > 0 or going_on:
            if data[i] != 44:
                state = GAVE_UP
                break
            i = after_space(data, i + 1)
            if i >= len(data):
                break
        if data[i] != 123 or rows == len(table):
            state = GAVE_UP
            break
        table[rows, :] = np.nan
        end, more = _record(data, i, table[rows], rows, odd, odds, spelled, lengths, widths, offsets, whole, needed,
                            raw, powers, whole_powers)  # fmt: skip
        if end == INCOMPLETE:
            break
        if end < 0:
            state = GAVE_UP
            break
        at, odds = end, more
        rows += 1
    return table[:rows].copy(), state, at, odd[:odds].copy()


@numba.njit(cache=True, nogil=True)
def _record(
    data, at, row, number, odd, odds, spelled, lengths, widths, offsets, whole, needed, raw, powers, whole_powers
):  # fmt: skip
    """One object, its numbers into `row`; place after it, or negative; and how many numbers are left to Python."""
    seen, guess = np.uint64(0), 0
    at = after_space(data, at + 1)
    if at < len(data) and data[at] == 125:
        return -1, odds
    while True:
        end = after_string(data, at)
        if end < 0:
            return end, odds
        k = _which(data, at + 1, end - 1, spelled, lengths, guess)
        if k < 0:
            for i in range(at + 1, end - 2):
                if data[i] == 92 and data[i + 1] == 117:  # may spell a key that is asked for
                    return -1, odds
        at = after_space(data, end)
        if at >= len(data):
            return -2, odds
        if data[at] != 58:
            return -1, odds
        at = after_space(data, at + 1)
        if k < 0:
            at = after_value(data, at)
            if at < 0:
                return at, odds
        else:
            guess = k + 1
            if (seen >> np.uint64(k)) & np.uint64(1):
                return -1, odds
            seen |= np.uint64(1) << np.uint64(k)
            if raw[k]:
                end = after_value(data, at)
                if end < 0:
                    return end, odds
                row[offsets[k]], row[offsets[k] + 1] = at, end
                at = end
            elif widths[k] > 1:
                if at >= len(data):
                    return -2, odds
                if data[at] != 91:
                    return -1, odds
                at += 1
            for part in range(0 if raw[k] else widths[k]):
                at = after_space(data, at)
                if part > 0:
                    if at >= len(data):
                        return -2, odds
                    if data[at] != 44:
                        return -1, odds
                    at = after_space(data, at + 1)
                end, value, kind = _short(data, at, powers)
                if end < 0:
                    end = _after_number(data, at)
                    if end < 0:
                        return end, odds
                    value, kind = _value(data, at, end, powers, whole_powers)
                if whole[k] and kind != 1:
                    return -1, odds
                row[offsets[k] + part] = value
                if kind < 0:
                    if odds == len(odd):
                        return -1, odds
                    odd[odds, 0], odd[odds, 1], odd[odds, 2], odd[odds, 3] = number, offsets[k] + part, at, end
                    odds += 1
                at = end
            if widths[k] > 1 and not raw[k]:
                at = after_space(data, at)
                if at >= len(data):
                    return -2, odds
                if data[at] != 93:
                    return -1, odds
                at += 1
        at = after_space(data, at)
        if at >= len(data):
            return -2, odds
        if data[at] == 125:
            break
        if data[at] != 44:
            return -1, odds
        at = after_space(data, at + 1)
    for k in range(len(needed)):
        if needed[k] and not (seen >> np.uint64(k)) & np.uint64(1):
            return -1, odds
    return at + 1, odds
