using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public class TokenStreamTests
{
    private readonly TokenStream _stream = new("train", [.. Enumerable.Range(0, 1000)]);

    [Fact]
    public void EvaluationSeesEachTokenOnce()
    {
        var batches = _stream.Windows(3, 64).ToList();
        Assert.Equal([3, 3, 3, 3, 3], batches.Select(batch => batch.Rows));
        Assert.Equal(Enumerable.Range(1, 960).Select(token => (long)token), batches.SelectMany(batch => batch.Targets));
        Assert.Equal(Enumerable.Range(0, 961), _stream.Covered(64).ToArray());
        Assert.Equal([2, 2, 1], _stream.Windows(2, 64, mostWindows: 5).Select(batch => batch.Rows));
        Assert.Equal(5 * 64 + 1, _stream.Covered(64, mostWindows: 5).Length);
    }

    [Fact]
    public void ATextShorterThanAWindowIsExplained() =>
        Assert.Equal("The train text has 1000 tokens, too few for one window of 1000 and the token after it; give more text or use a shorter window.",
            Assert.Throws<UserError>(() => _stream.Windows(1, 1000).ToList()).Message);
}
