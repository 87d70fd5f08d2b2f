#include <immintrin.h>

#include "engine.h"

namespace onnxmoe {
namespace {

#include "avx2.inl"

#define ENGINE_DOT_PRODUCTS
inline IntVector AddPairs(__m256i pairs) { return reinterpret_cast<IntVector>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1))); }

struct Int8Codes {
    static constexpr int kOffset = 0, kBits = 8;
    using Sum = IntVector;
    // maddubs multiplies unsigned by signed bytes: |w| * (x with the sign of w). Two products fit into its 16 bits.
    static Sum Add(Sum sum, Bytes w, Bytes x) {
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(reinterpret_cast<__m256i>(w)),
                                                   _mm256_sign_epi8(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(w)));
        return sum + AddPairs(pairs);
    }
    static IntVector Total(Sum sum) { return sum; }
};

struct Int4Codes {
    static constexpr int kOffset = 8, kBits = 4;
    using Sum = ShortVector;
    static Sum Add(Sum sum, Bytes w, Bytes x) {
        return sum + reinterpret_cast<ShortVector>(_mm256_maddubs_epi16(reinterpret_cast<__m256i>(w), reinterpret_cast<__m256i>(x)));
    }
    static IntVector Total(Sum sum) { return AddPairs(reinterpret_cast<__m256i>(sum)); }
};

#include "tile_codes.inl"

}  // namespace

extern const Engine kAvx2Engine;
const Engine kAvx2Engine = MakeEngine("avx2");

}  // namespace onnxmoe
