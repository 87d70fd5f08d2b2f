// What the engines with 64-byte vectors share.

constexpr int kVectorBytes = 64;
constexpr int kRows = 6;
constexpr int kQuantizedRows = 4;
constexpr int kVectors = 4;

#define ENGINE_WIDENS
inline __m512 WidenHalves(const Half* from) {
    // Not _mm512_cvtph_ps: GCC 12 warns of an uninitialized value in its own header.
    return _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

inline void NarrowVector(const float* from, Half* to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_maskz_cvtps_ph(0xffff, _mm512_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
}

#include "tile.inl"
