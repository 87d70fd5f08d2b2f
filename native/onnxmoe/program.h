#pragma once

#include <map>
#include <string>
#include <vector>

#include "weight_type.h"

namespace onnxmoe {

// A node of a region. Values have numbers: first the region's inputs, then what its nodes give; -1 is an optional one left out.
struct ProgramNode {
    std::string op;
    WeightType type;  // of its weights or caches
    std::string name;
    std::vector<int> inputs, outputs;
    std::map<std::string, std::string> attributes;
};

// The nodes of a region in the order in which they run, from its attribute "program": a line for each, in which tabs stand between op,
// type (float, half, int8, int4), name, inputs and outputs (numbers with commas), and attributes (name=value).
struct Program {
    std::vector<ProgramNode> nodes;
    int values;  // how many there are in all

    // Throws InvalidInput, naming the line, also for a value that is read before it is written, or is written twice.
    Program(const std::string& text, int inputs);
};

}  // namespace onnxmoe
