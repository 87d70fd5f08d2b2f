#include "picks.h"

#include <algorithm>

namespace onnxmoe {

size_t Picks::ScratchBytes(int64_t tokens, int64_t per_token, int64_t experts) {
    return Scratch::Bytes<int32_t>(tokens * per_token) + Scratch::Bytes<int32_t>(experts) + Scratch::Bytes<ExpertPicks>(experts);
}

Picks::Picks(const int64_t* indices, int64_t tokens, int64_t per_token, int64_t experts, int64_t first_token, Scratch& scratch) {
    const int64_t slots = tokens * per_token;
    order_ = scratch.Take<int32_t>(slots);
    int32_t* next = scratch.Take<int32_t>(experts);
    groups_ = scratch.Take<ExpertPicks>(experts);

    std::fill_n(next, experts, 0);
    for (int64_t p = 0; p < slots; p++) {
        const int64_t expert = indices[p];
        if (expert == -1) continue;
        if (expert < -1 || expert >= experts)
            throw InvalidInput("indices[" + std::to_string(first_token + p / per_token) + "," + std::to_string(p % per_token) + "] is " +
                               std::to_string(expert) + ", but there are " + std::to_string(experts) +
                               " experts: it must be -1 (none) or 0.." + std::to_string(experts - 1));
        next[expert]++;
    }
    for (int64_t e = 0; e < experts; e++) {
        const int32_t count = next[e];
        next[e] = static_cast<int32_t>(total_);
        if (count > 0) groups_[group_count_++] = {static_cast<int32_t>(e), count, order_ + total_};
        total_ += count;
    }
    for (int64_t p = 0; p < slots; p++)
        if (indices[p] >= 0) order_[next[indices[p]]++] = static_cast<int32_t>(p);
}

}  // namespace onnxmoe
