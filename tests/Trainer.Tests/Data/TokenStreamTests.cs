using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public class TokenStreamTests
{
    private readonly TokenStream _stream = new("train", [.. Enumerable.Range(0, 1000)]);

    [Fact]
    public void ABatchDependsOnItsKeyAlone()
    {
        var batch = _stream.Batch(1, 7, 0, 4, 16);
        _stream.Batch(1, 8, 0, 4, 16);
        Assert.Equal(batch.Inputs, _stream.Batch(1, 7, 0, 4, 16).Inputs);
        foreach (var other in (TokenBatch[])[_stream.Batch(2, 7, 0, 4, 16), _stream.Batch(1, 8, 0, 4, 16), _stream.Batch(1, 7, 1, 4, 16)])
            Assert.NotEqual(batch.Inputs, other.Inputs);
        Assert.Equal(batch.Inputs[..32], _stream.Batch(1, 7, 0, 2, 16).Inputs); // a row does not depend on how many there are
    }

    [Fact]
    public void TargetsAreTheNextTokens()
    {
        var batch = _stream.Batch(3, 0, 0, 8, 10);
        Assert.Equal((8, 10), (batch.Rows, batch.Length));
        Assert.Equal(batch.Inputs.Select(token => token + 1), batch.Targets);
        foreach (var row in batch.Inputs.Chunk(10))
            Assert.Equal(Enumerable.Range((int)row[0], 10).Select(token => (long)token), row);
    }

    [Fact]
    public void EveryWindowIsDrawnAboutEquallyOften()
    {
        var stream = new TokenStream("train", [.. Enumerable.Range(0, 14)]); // 10 windows of 4
        var counts = new int[10];
        for (var step = 0; step < 1000; step++)
            foreach (var row in stream.Batch(1, step, 0, 10, 4).Inputs.Chunk(4))
                counts[row[0]]++;
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }

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
            Assert.Throws<UserError>(() => _stream.Batch(1, 0, 0, 1, 1000)).Message);
}
