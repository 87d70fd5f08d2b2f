// What the engines with 32-byte vectors share.

constexpr int kVectorBytes = 32;
constexpr int kRows = 6;
constexpr int kQuantizedRows = 4;
constexpr int kVectors = 2;

#define ENGINE_WIDENS
inline __m256 WidenHalves(const Half* from) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))); }

inline void NarrowVector(const float* from, Half* to) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
}

#include "tile.inl"
