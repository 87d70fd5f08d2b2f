using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Lowering;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Verification;

/// <summary>
/// The values that a file stores of a model's weights. A file is compared with a run of the model on these: it then differs from it in nothing but the order of
/// float32 operations, unless kernels round what goes into their products as well.
/// </summary>
/// <param name="file">What was exported.</param>
public sealed class RoundedWeights(ExportedModel file) : IDisposable
{
    private readonly Dictionary<string, Tensor> _rounded = [];

    /// <summary>What runs a pass of the model on the rounded weights.</summary>
    public TorchOps Ops() => new RoundedOps(this);

    public void Dispose()
    {
        foreach (var tensor in _rounded.Values)
            tensor.Dispose();
        _rounded.Clear();
    }

    private Tensor Rounded(string key, Tensor weight, Func<Tensor, Tensor> round)
    {
        if (!_rounded.TryGetValue(key, out var known))
            _rounded[key] = known = round(weight.detach()).DetachFromDisposeScope();
        return known;
    }

    private Tensor OfCodes(Tensor weight)
    {
        var numbers = TorchTensors.ToHost(weight.contiguous());
        return TorchTensors.ToTorch(BlockCodes.Quantize(numbers, file.Precision.CodeBits()!.Value).Dequantize(numbers.Shape[^2]));
    }

    /// <summary>Rounds weights to halves wherever they are read, and those that are stored as codes where products read them.</summary>
    private sealed class RoundedOps(RoundedWeights weights) : TorchOps
    {
        private readonly Dictionary<Value, string> _keys = new(ReferenceEqualityComparer.Instance);

        public override Value[] Apply(string op, Value?[] inputs, Attributes? attributes = null, int outputs = 1, string domain = "")
        {
            var (first, count) = (op, domain) switch
            {
                ("MatMul", "") => (1, 1),
                (MoeFunctions.GroupedFfn, MoeDomain) => (3, 3),
                (MoeFunctions.GroupedLinear, MoeDomain) => (2, 1),
                _ => (0, 0),
            };
            if (count > 0)
                inputs = [.. inputs.Select((input, i) => i >= first && i < first + count && input is not null ? Product(input) : input)];
            var results = base.Apply(op, inputs, attributes, outputs, domain);
            if (domain.Length == 0 && StoredParts.Operators.Contains(op) && _keys.TryGetValue(inputs[0]!, out var source))
                _keys[results[0]] = StoredParts.Key(source, op, attributes ?? [], inputs.Skip(1).Select(input => ((TorchValue)input!).Integers));
            return results;
        }

        protected override Value Stored(Weight weight)
        {
            var value = WeightInitializer.IsHalf(weight, weights.Precision)
                ? Value(weights.Rounded(weight.Name, weight.Parameter, halves => halves.to(ScalarType.Float16).to(ScalarType.Float32)))
                : base.Stored(weight);
            _keys[value] = weight.Name;
            return value;
        }

        private Value Product(Value matrix) => _keys.TryGetValue(matrix, out var key) && weights.IsCodes(key)
            ? Value(weights.Rounded(key, TensorOf(matrix), weights.OfCodes))
            : matrix;
    }

    private WeightPrecision Precision => file.Precision;

    private bool IsCodes(string key) => file.Quantized.Contains(key);
}
