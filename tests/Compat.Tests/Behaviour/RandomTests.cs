using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Behaviour;

/// <summary>Generators: the same seed gives the same numbers, and a state can be taken back.</summary>
public class RandomTests
{
    [Fact]
    public void ASeedRepeatsItsNumbers()
    {
        using var scope = NewDisposeScope();
        var first = randn(8, generator: new Generator(7));
        Assert.True(first.Equals(randn(8, generator: new Generator(7))));
        Assert.False(first.Equals(randn(8, generator: new Generator(8))));
    }

    [Fact]
    public void AStateTakesAGeneratorBack()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var state = generator.get_state();
        var first = rand(4, generator: generator);
        generator.set_state(state);
        Assert.True(first.Equals(rand(4, generator: generator)));
    }

    [Fact]
    public void RandomIntegersStayBelowTheirBoundAndPermutationsAreComplete()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var drawn = randint(2, 5, [100], generator: generator);
        Assert.Equal(ScalarType.Int64, drawn.dtype);
        Assert.All(drawn.data<long>().ToArray(), n => Assert.InRange(n, 2, 4));
        Assert.Equal([0L, 1, 2, 3, 4], randperm(5, generator: generator).data<long>().ToArray().Order());
    }
}
