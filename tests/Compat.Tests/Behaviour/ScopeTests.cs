using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Behaviour;

/// <summary>Who owns a tensor, and when it is freed.</summary>
public class ScopeTests
{
    [Fact]
    public void AScopeFreesWhatWasMadeInItAndNothingElse()
    {
        using var outside = ones(2);
        Tensor inside;
        using (NewDisposeScope())
            inside = outside + 1;
        Assert.True(inside.IsInvalid);
        Assert.False(outside.IsInvalid);
        Assert.Throws<InvalidOperationException>(() => inside.shape);
    }

    [Fact]
    public void MoveToOuterDisposeScopeHandsATensorOn()
    {
        Tensor result;
        using (NewDisposeScope())
        {
            using (NewDisposeScope())
                result = ones(2).MoveToOuterDisposeScope();
            Assert.False(result.IsInvalid);
        }
        Assert.True(result.IsInvalid);
    }

    [Fact]
    public void DetachFromDisposeScopeKeepsATensor()
    {
        Tensor result;
        using (NewDisposeScope())
            result = ones(2).DetachFromDisposeScope();
        Assert.False(result.IsInvalid);
        result.Dispose();
        Assert.True(result.IsInvalid);
    }

    [Fact]
    public void DisposeEverythingButKeepsTheRest()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (ones(2), ones(2));
        scope.DisposeEverythingBut(a);
        Assert.False(a.IsInvalid);
        Assert.True(b.IsInvalid);
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Fact]
    public void AParameterTakesOverTheTensorItIsMadeFrom()
    {
        using var scope = NewDisposeScope();
        var data = ones(2);
        var parameter = new TorchSharp.Modules.Parameter(data);
        Assert.True(data.IsInvalid);
        Assert.True(parameter.requires_grad && parameter.is_leaf);
        Assert.True(scope.Contains(parameter));
    }

    [Fact]
    public void InPlaceArithmeticReturnsItsTensor()
    {
        using var x = ones(2);
        Assert.Same(x, x.mul_(2));
    }
}
