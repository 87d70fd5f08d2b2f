using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using OnnxMoe.Trainer.Tests.Routers;

namespace OnnxMoe.Trainer.Tests.Experts;

/// <summary>A router of given scores before experts of several kinds, and the same computed token by token.</summary>
internal sealed class MixedLayer
{
    public const int Size = 6;
    private readonly OpSet _ops;
    private readonly ConstantExperts? _constants;

    public MixedLayer(OpSet ops, ExpertKinds kinds, int k, WeightRule rule, ScoreHead scores, CapacityRule? capacity = null)
    {
        (_ops, Kinds) = (ops, kinds);
        var scope = new LayerScope(9);
        Stored = new FfnExpertBank(scope.Child("experts"), kinds.Stored, Size, 5, true, "silu", false, 0.5);
        var constants = kinds.Of(ExpertKind.Constant).Count;
        _constants = constants == 0 ? null : new ConstantExperts(scope.Child("constant"), constants, Size, 0.5);
        Router = new ScoreRouter(scope.Child("router"), scores, new TopKSelector(k), rule, [], kinds.Stored, k) { Kinds = kinds, Capacity = capacity };
        Bank = new MixedExpertBank(scope, kinds, Stored, _constants);
    }

    public ExpertKinds Kinds { get; }

    public ScoreRouter Router { get; }

    public FfnExpertBank Stored { get; }

    public MixedExpertBank Bank { get; }

    /// <summary>W_c [D, 2C] and v [C, D].</summary>
    public (Weight Mixing, Weight Vectors) Constants => (_constants!.Weights[0], _constants.Weights[1]);

    public (Value Y, Routing Routing) Run(Value x)
    {
        var routing = Router.Route(x, new ForwardContext(_ops));
        return (Bank.Apply(x, routing), routing);
    }

    /// <summary>One expert of any kind on all tokens [T][D].</summary>
    public float[][] Expert(int expert, Value x)
    {
        var tokens = Some.Floats(x).Chunk(Size).ToArray();
        switch (Kinds[expert])
        {
            case ExpertKind.Zero:
                return [.. tokens.Select(_ => new float[Size])];
            case ExpertKind.Copy:
                return tokens;
            case ExpertKind.Constant:
                var c = Kinds.Of(ExpertKind.Constant).ToList().IndexOf(expert);
                var (mixing, vectors) = (Floats(Constants.Mixing), Floats(Constants.Vectors));
                var width = mixing.Length / Size;
                return [.. tokens.Select(token =>
                {
                    double Score(int i) => Enumerable.Range(0, Size).Sum(d => (double)token[d] * mixing[d * width + 2 * c + i]);
                    var share = 1 / (1 + Math.Exp(Score(1) - Score(0)));
                    return token.Select((v, d) => (float)(share * v + (1 - share) * vectors[c * Size + d])).ToArray();
                })];
            default:
                var index = (long)Kinds.Of(ExpertKind.Ffn).ToList().IndexOf(expert);
                var all = new Routing(Column(Enumerable.Repeat(index, tokens.Length).ToArray()), Column(Enumerable.Repeat(1f, tokens.Length).ToArray()));
                return [.. Some.Floats(Stored.Apply(x, all)).Chunk(Size)];
        }
    }

    private Value Column<T>(T[] values) where T : unmanaged => _ops.Constant(HostTensor.From(values, values.Length, 1));

    private static float[] Floats(Weight weight) => weight.Parameter.detach().data<float>().ToArray();
}
