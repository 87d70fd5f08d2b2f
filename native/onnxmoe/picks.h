#pragma once

#include <cstdint>
#include <string>

#include "ort.h"
#include "scratch.h"

namespace onnxmoe {

// One expert's picks: pick p is slot p % K of token p / K. In the order of the tokens, and of the slots within one.
struct ExpertPicks {
    int32_t expert;
    int32_t count;
    const int32_t* picks;
};

// The picks of a batch of tokens, sorted by expert.
class Picks {
   public:
    // Bytes that the constructor takes from the scratch memory.
    static size_t ScratchBytes(int64_t tokens, int64_t per_token, int64_t experts);

    // indices: [tokens, per_token], each -1 (left out) or an expert below `experts`; another value throws InvalidInput, naming the
    // element counted from first_token.
    Picks(const int64_t* indices, int64_t tokens, int64_t per_token, int64_t experts, int64_t first_token, Scratch& scratch);

    // The experts with at least one pick, ascending.
    const ExpertPicks* begin() const { return groups_; }
    const ExpertPicks* end() const { return groups_ + group_count_; }
    int64_t ExpertCount() const { return group_count_; }
    const ExpertPicks& operator[](int64_t i) const { return groups_[i]; }

    // All picks but those left out.
    int64_t Total() const { return total_; }

    // Picks of the i-th expert before its first: numbers all picks in sorted order.
    int64_t Before(int64_t i) const { return groups_[i].picks - order_; }

   private:
    ExpertPicks* groups_;
    int64_t group_count_ = 0;
    int32_t* order_;
    int64_t total_ = 0;
};

}  // namespace onnxmoe
