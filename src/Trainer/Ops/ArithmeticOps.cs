using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Ops;

/// <summary>Element-wise arithmetic, comparison and logic with ONNX's (multidirectional) broadcasting.</summary>
public static class ArithmeticOps
{
    public static Value Abs(this Value x) => x.Unary("Abs");

    public static Value Exp(this Value x) => x.Unary("Exp");

    public static Value Log(this Value x) => x.Unary("Log");

    public static Value Sqrt(this Value x) => x.Unary("Sqrt");

    public static Value Reciprocal(this Value x) => x.Unary("Reciprocal");

    public static Value Sin(this Value x) => x.Unary("Sin");

    public static Value Cos(this Value x) => x.Unary("Cos");

    public static Value Erf(this Value x) => x.Unary("Erf");

    public static Value Sign(this Value x) => x.Unary("Sign");

    public static Value Floor(this Value x) => x.Unary("Floor");

    public static Value Ceil(this Value x) => x.Unary("Ceil");

    /// <summary>Rounds halves to even.</summary>
    public static Value Round(this Value x) => x.Unary("Round");

    public static Value Pow(this Value x, Value exponent) => x.Binary("Pow", exponent);

    public static Value Max(this Value x, Value y) => x.Binary("Max", y);

    public static Value Min(this Value x, Value y) => x.Binary("Min", y);

    public static Value Mod(this Value x, Value y) => x.Binary("Mod", y);

    public static Value Equal(this Value x, Value y) => x.Binary("Equal", y);

    public static Value Less(this Value x, Value y) => x.Binary("Less", y);

    public static Value LessOrEqual(this Value x, Value y) => x.Binary("LessOrEqual", y);

    public static Value Greater(this Value x, Value y) => x.Binary("Greater", y);

    public static Value GreaterOrEqual(this Value x, Value y) => x.Binary("GreaterOrEqual", y);

    public static Value And(this Value x, Value y) => x.Binary("And", y);

    public static Value Or(this Value x, Value y) => x.Binary("Or", y);

    public static Value Xor(this Value x, Value y) => x.Binary("Xor", y);

    public static Value Not(this Value x) => x.Unary("Not");

    /// <summary>Element-wise choice: <paramref name="then"/> where the condition holds, else <paramref name="otherwise"/>.</summary>
    public static Value Where(this Value condition, Value then, Value otherwise) =>
        condition.Ops.Apply("Where", [condition, then, otherwise])[0];

    public static Value Cast(this Value x, ElementType to) =>
        x.Type == to ? x : x.Ops.Apply("Cast", [x], new() { ["to"] = (long)to })[0];

    public static Value Clip(this Value x, Value? min, Value? max) => x.Ops.Apply("Clip", [x, min, max])[0];
}
