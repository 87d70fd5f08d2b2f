#include "program.h"

#include <algorithm>
#include <sstream>

#include "ort.h"

namespace onnxmoe {

namespace {

std::vector<std::string> Split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
    return parts;
}

std::vector<int> Numbers(const std::string& text) {
    std::vector<int> numbers;
    for (const std::string& part : Split(text, ',')) numbers.push_back(std::stoi(part));
    return numbers;
}

WeightType TypeNamed(const std::string& name) {
    if (name == "float") return WeightType::kFloat;
    if (name == "half") return WeightType::kHalf;
    if (name == "int8") return WeightType::kInt8;
    if (name == "int4") return WeightType::kInt4;
    throw InvalidInput("'" + name + "' is no type of weights");
}

ProgramNode Read(const std::string& line) {
    const std::vector<std::string> parts = Split(line, '\t');
    if (parts.size() < 5) throw InvalidInput("it has " + std::to_string(parts.size()) + " parts, but must have at least 5");
    ProgramNode node{parts[0], TypeNamed(parts[1]), parts[2], Numbers(parts[3]), Numbers(parts[4]), {}};
    for (size_t i = 5; i < parts.size(); i++) {
        const size_t equals = parts[i].find('=');
        if (equals == std::string::npos) throw InvalidInput("'" + parts[i] + "' is no attribute");
        node.attributes[parts[i].substr(0, equals)] = parts[i].substr(equals + 1);
    }
    return node;
}

}  // namespace

Program::Program(const std::string& text, int inputs) : values(inputs) {
    for (const std::string& line : Split(text, '\n')) {
        try {
            ProgramNode node = Read(line);
            for (const int input : node.inputs)
                if (input < -1 || input >= values) throw InvalidInput("it reads the value " + std::to_string(input) + ", which nothing has written");
            for (const int output : node.outputs)
                if (output != -1 && output != values++) throw InvalidInput("it writes the value " + std::to_string(output) + ", which is not the next one");
            nodes.push_back(std::move(node));
        } catch (const std::exception& e) {
            throw InvalidInput("line " + std::to_string(nodes.size() + 1) + " of the program: " + e.what());
        }
    }
}

}  // namespace onnxmoe
