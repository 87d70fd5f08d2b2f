using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Layers;

/// <summary>Runs on Torch and counts the multiply-adds of matrix products: those of scores (four dimensions) apart, and grouped ones by the picks that are there.</summary>
internal sealed class CountingOps : OpSet
{
    private readonly TorchOps _torch = new();

    public long Dense { get; private set; }

    public long Scores { get; private set; }

    public long Grouped { get; private set; }

    public override bool IsTraining => false;

    public override Value[] Apply(string op, Value?[] inputs, Attributes? attributes = null, int outputs = 1, string domain = "")
    {
        var values = inputs.Select(input => ((Counted?)input)?.Inner).ToArray();
        var results = _torch.Apply(op, values, attributes, outputs, domain);
        Count(op, [.. values.Select(value => value?.Shape ?? [])], values, ((TorchValue)results[0]).Shape);
        return [.. results.Select(result => new Counted(this, (TorchValue)result))];
    }

    public override Value Constant(HostTensor tensor) => new Counted(this, (TorchValue)_torch.Constant(tensor));

    protected override Value Stored(Weight weight) => new Counted(this, _torch.Value(weight.Parameter));

    public Value Of(Value value) => new Counted(this, (TorchValue)value);

    private void Count(string op, long[][] shapes, TorchValue?[] values, long[] result)
    {
        long Picks(int input) => values[input]!.Integers.Count(pick => pick >= 0);
        switch (op)
        {
            case "MatMul" when result.Length == 4:
                Scores += result.Aggregate(1L, (a, b) => a * b) * shapes[0][^1];
                break;
            case "MatMul":
                Dense += result.Aggregate(1L, (a, b) => a * b) * shapes[0][^1];
                break;
            case "GroupedFfn":
                Grouped += Picks(1) * shapes[3][1] * shapes[3][2] * 2;
                break;
            case "GroupedLinear":
                Grouped += Picks(1) * shapes[2][1] * shapes[2][2];
                break;
        }
    }

    private sealed class Counted(OpSet ops, TorchValue inner) : Value(ops)
    {
        public TorchValue Inner { get; } = inner;

        public override ElementType Type => Inner.Type;
    }
}
