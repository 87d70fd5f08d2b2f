using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Growth;

/// <summary>
/// A weight made of blocks, each a linear combination of learned templates: [[W0, W2], [W3, W1]], rows being halves of the outputs. W0 and W1 are two narrow
/// networks' own; W2 combines the first's templates anew, W3 the second's. A weight that takes all inputs, or gives all outputs, has W0 and W1 alone, one after the
/// other, so that outputs add up (Pham et al. 2024, arXiv 2311.04251).
/// </summary>
public sealed class TemplateWeight : WeightMixture
{
    private const int Members = 4;

    private readonly Func<GrowthMode> _mode;
    private readonly int? _outputs;
    private readonly int? _inputs;
    private readonly long[] _block;
    private readonly Weight[] _templates;
    private readonly Weight[] _coefficients;
    private readonly Weight[] _fresh;

    /// <param name="scope">Of the templates and coefficients.</param>
    /// <param name="weight">Whose place they take.</param>
    /// <param name="outputs">Its dimension of outputs; null: they are not halved.</param>
    /// <param name="inputs">Its dimension of inputs; null: they are not halved.</param>
    /// <param name="options">Number of templates.</param>
    /// <param name="random">Draws coefficients.</param>
    /// <param name="mode">What passes run.</param>
    public TemplateWeight(LayerScope scope, Weight weight, int? outputs, int? inputs, GrowthOptions options, Random random, Func<GrowthMode> mode)
    {
        (_mode, _outputs, _inputs) = (mode, outputs, inputs);
        _block = [.. weight.Shape.Select((size, dimension) => dimension == outputs || dimension == inputs ? size / 2 : size)];
        // Kaiming: the inputs of a block are all of its dimensions but the outputs'. A head's weight is [inputs, outputs].
        var fanIn = _block.Aggregate(1L, (product, size) => product * size) / (outputs is { } dimension ? _block[dimension] : _block[^1]);
        var drawn = TemplateCoefficients.SemiOrthogonal(Members, options.Templates, random);
        _templates = [.. Enumerable.Range(0, 2).Select(set => scope.Normal($"templates.{set}.{weight.Name}", Math.Sqrt(2.0 / fanIn), [options.Templates, .. _block]))];
        _coefficients = [.. Enumerable.Range(0, IsQuartered ? Members : 2).Select(member => scope.Filled($"coefficients.{member}.{weight.Name}", 0, options.Templates))];
        _fresh = IsQuartered && options.Coefficients == "fresh" ? [.. Enumerable.Range(2, 2).Select(member => scope.Normal($"fresh.{member}.{weight.Name}", options.Scale * Math.Sqrt(2.0 / fanIn), _block))] : [];
        for (var member = 0; member < _coefficients.Length; member++)
            Set(_coefficients[member], drawn[member]);
    }

    /// <summary>The two vectors of the members, then, of a weight of four blocks, those of W2 and W3.</summary>
    public IReadOnlyList<Weight> Coefficients => _coefficients;

    /// <summary>The two sets [templates, block].</summary>
    public IReadOnlyList<Weight> Templates => _templates;

    private bool IsQuartered => _outputs is not null && _inputs is not null;

    public override Value Of(OpSet ops, Weight weight) => _mode() switch
    {
        GrowthMode.First => Block(ops, 0),
        GrowthMode.Second => Block(ops, 1),
        _ when IsQuartered => new[] { new[] { Block(ops, 0), Block(ops, 2) }.Concat(_inputs!.Value), new[] { Block(ops, 3), Block(ops, 1) }.Concat(_inputs.Value) }.Concat(_outputs!.Value),
        _ => new[] { Block(ops, 0), Block(ops, 1) }.Concat((_outputs ?? _inputs)!.Value),
    };

    /// <summary>A block: W0 to W3.</summary>
    public Value Block(OpSet ops, int member)
    {
        if (member >= 2 && _fresh.Length > 0)
            return ops.Weight(_fresh[member - 2]);
        return ops.Weight(_coefficients[member]).Reshape(1, -1).MatMul(ops.Weight(_templates[member % 2]).Reshape(_templates[0].Shape[0], -1)).Reshape(_block);
    }

    /// <summary>Gives the two new blocks their coefficients.</summary>
    public void Grow(GrowthOptions options, Random random)
    {
        if (!IsQuartered)
            return;
        double[][] members = [.. _coefficients.Select(weight => weight.Parameter.detach().data<float>().ToArray().Select(value => (double)value).ToArray())];
        double[] Noisy(int member) => [.. members[member].Zip(TemplateCoefficients.Direction(members[member].Length, random), (value, noise) => value + (options.Scale * noise))];
        double[] Drawn() => [.. members[0].Select(_ => TemplateCoefficients.Normal(random))];
        var (second, third) = options.Coefficients switch
        {
            "copy" => (Noisy(0), Noisy(1)),
            "zero" => (new double[members[0].Length], new double[members[0].Length]),
            "random" => (Drawn(), Drawn()),
            "fresh" => (members[2], members[3]),
            _ => (members[2], [.. TemplateCoefficients.LeastAlike(members[..3]).Select(value => options.Scale * value)]),
        };
        Set(_coefficients[2], second);
        Set(_coefficients[3], third);
    }

    private static void Set(Weight weight, double[] values)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        weight.Parameter.copy_(tensor(values.Select(value => (float)value).ToArray()));
    }
}
