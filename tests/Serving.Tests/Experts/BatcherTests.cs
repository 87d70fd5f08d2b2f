using OnnxMoe.Serving.Experts;

namespace OnnxMoe.Serving.Tests.Experts;

public sealed class BatcherTests
{
    private const int MaxTokens = 12;
    private const int Experts = 5;
    private const int LongestPrompt = 6;

    private static GatedEntry Prompt(long sequence, params int[] experts) => new(sequence, 0, experts);

    /// <summary>One generated token.</summary>
    private static GatedEntry Token(long sequence, int position, int expert) => new(sequence, position, [expert]);

    private static Batcher Make(string kind, int maxTokens = MaxTokens, int maxAge = 3) => kind switch
    {
        "expert-aware" => new ExpertAwareBatcher(maxTokens, maxAge),
        "decode-first" => new FifoBatcher(maxTokens, promptsFirst: false),
        _ => new FifoBatcher(maxTokens, promptsFirst: true),
    };

    private static long[] Sequences(IReadOnlyList<GatedEntry> batch) => [.. batch.Select(entry => entry.Sequence)];

    [Fact]
    public void TheLongestQueueGoesFirstAndThenAsMuchOfTheNextAsFits()
    {
        var batcher = Make("expert-aware", maxTokens: 5);
        int[] experts = [2, 0, 1, 0, 1, 0, 1, 2, 0];
        for (var i = 0; i < experts.Length; i++)
            batcher.Add(Prompt(i, experts[i]));
        Assert.Equal([1, 3, 5, 8, 2], Sequences(batcher.Next())); // expert 0 has four, then 1 has three, of which one fits
        Assert.Equal([4, 6, 0, 7], Sequences(batcher.Next())); // two each: the lower expert first
        Assert.Empty(batcher.Next());
    }

    [Fact]
    public void APromptIsFiledUnderItsMostFrequentExpertAndTakenWhole()
    {
        var batcher = Make("expert-aware", maxTokens: 4);
        batcher.Add(Prompt(0, 1, 2, 2));
        batcher.Add(Prompt(1, 1));
        batcher.Add(Prompt(2, 1));
        Assert.Equal(2, Prompt(0, 1, 2, 2).Expert);
        Assert.Equal(1, Prompt(0, 2, 1, 3).Expert);
        Assert.Equal([0, 1], Sequences(batcher.Next())); // three tokens of expert 2 against two of 1
        batcher.Add(Prompt(3, 1, 1, 1, 1));
        Assert.Equal([2], Sequences(batcher.Next())); // the queue of 1 has five; its second entry does not fit, and nothing is cut
        Assert.Equal([3], Sequences(batcher.Next()));
    }

    [Fact]
    public void ATokenWaitsForTheEarlierOnesOfItsSequence()
    {
        var batcher = Make("expert-aware", maxTokens: 3);
        batcher.Add(Token(0, 0, 1));
        batcher.Add(Token(0, 1, 2));
        batcher.Add(Token(0, 2, 2));
        batcher.Add(Token(0, 3, 2));
        batcher.Add(Token(1, 0, 3));
        // Expert 2 has the most tokens, but none that may run; after the first of sequence 0 all three may.
        Assert.Equal([(0, 0), (0, 1), (0, 2)], batcher.Next().Select(entry => ((int)entry.Sequence, entry.Position)));
        Assert.Equal([(0, 3), (1, 0)], batcher.Next().Select(entry => ((int)entry.Sequence, entry.Position)));
    }

    [Fact]
    public void FifoTakesItsKindFirst()
    {
        foreach (var (kind, first, second) in new[] { ("decode-first", 0, 1), ("prefill-first", 1, 0) })
        {
            var batcher = Make(kind, maxTokens: 2);
            batcher.Add(Prompt(0, 1));
            batcher.Next();
            batcher.Add(Prompt(1, 2, 2));
            batcher.Add(Token(0, 1, 1));
            Assert.Equal([first], Sequences(batcher.Next()));
            Assert.Equal([second], Sequences(batcher.Next()));
        }
    }

    [Fact]
    public void ForgottenSequencesAreNotServed()
    {
        var batcher = Make("expert-aware");
        batcher.Add(Prompt(0, 1));
        batcher.Add(Prompt(1, 1));
        batcher.Forget(0);
        Assert.Equal([1], Sequences(batcher.Next()));
    }

    [Fact]
    public void WhatCannotBeServedIsRefused()
    {
        var batcher = Make("expert-aware", maxTokens: 2);
        Assert.Contains("do not fit into batches of 2", Assert.Throws<ArgumentException>(() => batcher.Add(Prompt(0, 1, 1, 1))).Message);
        Assert.Contains("goes on at token 0, not 4", Assert.Throws<ArgumentException>(() => batcher.Add(Token(0, 4, 1))).Message);
        batcher.Add(Prompt(0, 1));
        Assert.Contains("goes on at token 1, not 0", Assert.Throws<ArgumentException>(() => batcher.Add(Prompt(0, 1))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ExpertAwareBatcher(2, 0));
    }

    [Fact]
    public void UpcomingIsWhatFollowsIfNothingElseComes()
    {
        var random = new Random(3);
        foreach (var kind in new[] { "expert-aware", "decode-first", "prefill-first" })
        {
            var batcher = Make(kind);
            for (var i = 0; i < 40; i++)
                batcher.Add(Prompt(i, [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(Experts))]));
            var upcoming = batcher.Upcoming();
            Assert.Equal(40, batcher.Waiting);
            foreach (var batch in upcoming)
                Assert.Equal(batch, batcher.Next());
            Assert.Empty(batcher.Next());
        }
    }

    /// <summary>
    /// Random loads in bursts. Some sequences queue several tokens at once, as a server does that knows them. Never do more than
    /// <paramref name="limit"/> tokens wait. Checks what holds for all batches.
    /// </summary>
    /// <returns>How often the entry that waited longest was passed over.</returns>
    private static int WorstAge(string kind, int seed, int limit, int maxAge)
    {
        var random = new Random(seed);
        var batcher = Make(kind, MaxTokens, maxAge);
        var lengths = new Dictionary<long, (int Known, int Total)>();
        var served = new Dictionary<long, int>();
        var since = new Dictionary<(long, int), int>();
        var (worst, waiting) = (0, 0);
        void Add(long sequence, int tokens)
        {
            var (known, total) = lengths[sequence];
            batcher.Add(new GatedEntry(sequence, known, [.. Enumerable.Range(0, tokens).Select(_ => Math.Min(random.Next(Experts), random.Next(Experts)))]));
            since[(sequence, known)] = batcher.Batches;
            lengths[sequence] = (known + tokens, total);
            waiting += tokens;
        }
        for (var clock = 0; clock < 150 || batcher.Waiting > 0; clock++)
        {
            foreach (var (sequence, (known, total)) in lengths.ToArray())
                for (var ahead = known == served.GetValueOrDefault(sequence) ? random.Next(1, 3) : 0; ahead > 0 && lengths[sequence].Known < total && waiting < limit; ahead--)
                    Add(sequence, 1);
            for (var burst = clock < 150 && random.Next(4) == 0 ? random.Next(1, 20) : 0; burst > 0; burst--)
            {
                var prompt = random.Next(1, LongestPrompt + 1);
                if (waiting + prompt > limit)
                    break;
                var sequence = lengths.Count;
                lengths[sequence] = (0, prompt + random.Next(0, 10));
                Add(sequence, prompt);
            }
            var number = batcher.Batches;
            var batch = batcher.Next();
            Assert.InRange(batch.Sum(entry => entry.Tokens), batcher.Waiting > 0 ? 1 : 0, MaxTokens);
            foreach (var entry in batch)
            {
                Assert.Equal(served.GetValueOrDefault(entry.Sequence), entry.Position); // in order, once, none left out
                served[entry.Sequence] = entry.Position + entry.Tokens;
                waiting -= entry.Tokens;
                worst = Math.Max(worst, number - since[(entry.Sequence, entry.Position)]);
            }
        }
        Assert.Equal(lengths.Values.Sum(length => length.Known), served.Values.Sum());
        return worst;
    }

    [Theory]
    [InlineData("expert-aware")]
    [InlineData("decode-first")]
    [InlineData("prefill-first")]
    public void EveryTokenIsServedOnceInOrderAndBatchesFit(string kind)
    {
        for (var seed = 0; seed < 20; seed++)
            WorstAge(kind, seed, limit: 20 * MaxTokens, maxAge: 3);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void NoTokenIsOlderThanTheBound(int maxAge)
    {
        var (limit, patient) = ((maxAge + 1) * (MaxTokens - LongestPrompt + 1), 0);
        for (var seed = 0; seed < 60; seed++)
        {
            Assert.InRange(WorstAge("expert-aware", seed, limit, maxAge), 0, maxAge);
            patient = Math.Max(patient, WorstAge("expert-aware", seed, limit, maxAge: 1000));
        }
        Assert.True(patient > maxAge, $"The loads are so light that the bound is never needed: without one the oldest is {patient}.");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(20)]
    public void AnUnpopularExpertIsServedWhenTheBoundIsReached(int maxAge)
    {
        var batcher = Make("expert-aware", maxTokens: 4, maxAge);
        batcher.Add(Prompt(0, 1));
        batcher.Add(Prompt(1, 0));
        for (var number = 0; number <= maxAge; number++)
        {
            for (var i = 0; i < 4; i++)
                batcher.Add(Prompt(2 + 4 * number + i, 0));
            Assert.Equal(number == maxAge, Sequences(batcher.Next()).Contains(0L));
        }
    }

    [Fact]
    public void WhatCanWaitWaitsAndWhereTooMuchWaitsTheOrderIsThatOfArrival()
    {
        int[][] Batches(int entries)
        {
            var batcher = Make("expert-aware", maxTokens: 2, maxAge: 2);
            for (var i = 0; i < entries; i++)
                batcher.Add(Prompt(i, i == 0 ? 1 : 0));
            return [.. batcher.Upcoming().Select(batch => batch.Select(entry => (int)entry.Sequence).ToArray())];
        }
        Assert.Equal([[1, 2], [3, 0]], Batches(4));
        Assert.Equal([[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]], Batches(10));
    }
}
