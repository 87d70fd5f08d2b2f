#include <immintrin.h>

#include "engine.h"

namespace onnxmoe {
namespace {

#include "avx512.inl"

#define ENGINE_DOT_PRODUCTS
inline __m512i Pairs(__m512i w, __m512i x) { return _mm512_maddubs_epi16(w, x); }
inline IntVector AddPairs(__m512i pairs) { return reinterpret_cast<IntVector>(_mm512_madd_epi16(pairs, _mm512_set1_epi16(1))); }

struct Int8Codes {
    static constexpr int kOffset = 0, kBits = 8;
    using Sum = IntVector;
    // maddubs multiplies unsigned by signed bytes: |w| * (x with the sign of w). Two products fit into its 16 bits.
    static Sum Add(Sum sum, Bytes w, Bytes x) {
        const __m512i codes = reinterpret_cast<__m512i>(w), values = reinterpret_cast<__m512i>(x);
        const __m512i signed_values = _mm512_mask_sub_epi8(values, _mm512_movepi8_mask(codes), _mm512_setzero_si512(), values);
        return sum + AddPairs(Pairs(_mm512_abs_epi8(codes), signed_values));
    }
    static IntVector Total(Sum sum) { return sum; }
};

struct Int4Codes {
    static constexpr int kOffset = 8, kBits = 4;
    using Sum = ShortVector;
    static Sum Add(Sum sum, Bytes w, Bytes x) {
        return sum + reinterpret_cast<ShortVector>(Pairs(reinterpret_cast<__m512i>(w), reinterpret_cast<__m512i>(x)));
    }
    static IntVector Total(Sum sum) { return AddPairs(reinterpret_cast<__m512i>(sum)); }
};

#include "tile_codes.inl"

}  // namespace

extern const Engine kAvx512Engine;
const Engine kAvx512Engine = MakeEngine("avx512");

}  // namespace onnxmoe
