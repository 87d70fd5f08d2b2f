using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public class TrainingMixTests
{
    private readonly TrainingMix _mix = Mix((1, 1000));

    [Fact]
    public void ABatchDependsOnItsKeyAlone()
    {
        var batch = _mix.Batch(1, 7, 0, 4, 16);
        _mix.Batch(1, 8, 0, 4, 16);
        Assert.Equal(batch.Inputs, _mix.Batch(1, 7, 0, 4, 16).Inputs);
        foreach (var other in (TokenBatch[])[_mix.Batch(2, 7, 0, 4, 16), _mix.Batch(1, 8, 0, 4, 16), _mix.Batch(1, 7, 1, 4, 16)])
            Assert.NotEqual(batch.Inputs, other.Inputs);
        Assert.Equal(batch.Inputs[..32], _mix.Batch(1, 7, 0, 2, 16).Inputs); // a row does not depend on how many there are
    }

    [Fact]
    public void TargetsAreTheNextTokens()
    {
        var batch = _mix.Batch(3, 0, 0, 8, 10);
        Assert.Equal((8, 10), (batch.Rows, batch.Length));
        Assert.Equal(batch.Inputs.Select(token => token + 1), batch.Targets);
        foreach (var row in batch.Inputs.Chunk(10))
            Assert.Equal(Enumerable.Range((int)row[0], 10).Select(token => (long)token), row);
    }

    [Fact]
    public void EveryWindowIsDrawnAboutEquallyOften()
    {
        var mix = Mix((1, 14)); // 10 windows of 4
        var counts = new int[10];
        for (var step = 0; step < 1000; step++)
            foreach (var row in mix.Batch(1, step, 0, 10, 4).Inputs.Chunk(4))
                counts[row[0]]++;
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void OneDomainIsDrawnFromByTheKeyOfTheRowAlone()
    {
        var batch = _mix.Batch(5, 6, 7, 3, 16);
        for (var row = 0; row < 3; row++)
            Assert.Equal((long)(StatelessRandom.Next(5, 6, 7, row) % (1000 - 16)), batch.Inputs[row * 16]);
        // A second domain without a share changes nothing.
        Assert.Equal(batch.Inputs, Mix((1, 1000), (0, 500)).Batch(5, 6, 7, 3, 16).Inputs);
    }

    [Fact]
    public void DomainsAreDrawnByTheirSharesWhateverTheirLengths()
    {
        var mix = Mix((0.7, 100), (0, 5000), (0.1, 3000), (0.2, 40));
        var counts = new double[4];
        for (var step = 0; step < 500; step++)
            foreach (var row in mix.Batch(1, step, 0, 20, 8).Inputs.Chunk(8))
                counts[row[0] / 10_000] += 1 / 10_000.0;
        Assert.Equal(0, counts[1]);
        // Within 4 standard deviations of 10 000 draws.
        foreach (var (share, i) in ((double, int)[])[(0.7, 0), (0.1, 2), (0.2, 3)])
            Assert.InRange(counts[i], share - 4 * Math.Sqrt(share * (1 - share) / 10_000), share + 4 * Math.Sqrt(share * (1 - share) / 10_000));
    }

    [Fact]
    public void AWindowLiesWithinOneDomainAndIsDrawnIndependentlyOfIt()
    {
        var mix = Mix((0.5, 14), (0.5, 14));
        var counts = new int[2, 10];
        for (var step = 0; step < 1000; step++)
        {
            foreach (var row in mix.Batch(1, step, 0, 20, 4).Inputs.Chunk(4))
            {
                Assert.Equal(Enumerable.Range((int)row[0], 4).Select(token => (long)token), row);
                counts[row[0] / 10_000, row[0] % 10_000]++;
            }
        }
        Assert.All(counts.Cast<int>(), count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void ATextShorterThanAWindowIsExplainedAlsoWhenItIsNotDrawn()
    {
        var mix = Mix((1 - 1e-12, 1000), (1e-12, 10));
        Assert.Contains("text 1 train text has 10 tokens, too few for one window of 10", Assert.Throws<UserError>(() => mix.Batch(1, 0, 0, 1, 10)).Message);
        Mix((1, 1000), (0, 10)).Batch(1, 0, 0, 1, 10);
    }

    /// <summary>Domains of consecutive numbers: the tokens of domain d begin at 10 000 d.</summary>
    private static TrainingMix Mix(params (double Share, int Tokens)[] domains) => new([.. domains.Select((domain, d) =>
        new TextDomain($"text {d}", domain.Share, new TokenStream($"text {d} train", [.. Enumerable.Range(10_000 * d, domain.Tokens)]), new TokenStream("", []), new TokenStream("", [])))]);
}
