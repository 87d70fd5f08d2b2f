#include <immintrin.h>

#include "engine.h"

namespace onnxmoe {
namespace {

constexpr int kVectorBytes = 32;
constexpr int kRows = 6;
constexpr int kQuantizedRows = 4;
constexpr int kVectors = 2;

#define ENGINE_WIDENS
inline __m256 WidenHalves(const Half* from) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))); }

#include "tile.inl"

#define ENGINE_DOT_PRODUCTS
struct Int8Codes {
    static constexpr int kOffset = 0, kBits = 8;
    using Sum = IntVector;
    // maddubs multiplies unsigned by signed bytes: |w| * (x with the sign of w). Two products fit into its 16 bits.
    static Sum Add(Sum sum, Bytes w, Bytes x) {
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)w), _mm256_sign_epi8((__m256i)x, (__m256i)w));
        return sum + (IntVector)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    }
    static IntVector Total(Sum sum) { return sum; }
};

struct Int4Codes {
    static constexpr int kOffset = 8, kBits = 4;
    using Sum = ShortVector;
    static Sum Add(Sum sum, Bytes w, Bytes x) { return sum + (ShortVector)_mm256_maddubs_epi16((__m256i)w, (__m256i)x); }
    static IntVector Total(Sum sum) { return (IntVector)_mm256_madd_epi16((__m256i)sum, _mm256_set1_epi16(1)); }
};

#include "tile_codes.inl"

}  // namespace

extern const Engine kAvx2Engine;
const Engine kAvx2Engine = MakeEngine("avx2");

}  // namespace onnxmoe
