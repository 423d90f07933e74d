// SPDX-License-Identifier: Apache-2.0
// Conversions between any two element types: a thread per byte of the result where elements share one. Given: load(),
// and for narrow results encode(); PER_BYTE, OUT_BITS; WIDE_RESULT for results of whole bytes that C++ knows.
INGOT_KERNEL(convert) {
  FOR_UNITS(unit) {
#ifdef WIDE_RESULT
    put(TO(0), unit, load(p.in[0], unit));
#else
    unsigned byte = 0;
    for (int k = 0; k < PER_BYTE; ++k) {
      const i64 at = unit * PER_BYTE + k;
      if (at < ELEMENTS) byte |= encode(load(p.in[0], at)) << (k * OUT_BITS);
    }
    static_cast<unsigned char*>(p.out[0])[unit] = static_cast<unsigned char>(byte);
#endif
  }
}
