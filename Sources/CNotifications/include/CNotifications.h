// A question with two buttons on the desktop, by whatever shows notifications in the session
// (org.freedesktop.Notifications), over GIO's D-Bus.
#pragma once

/// A question that was asked. Both its asker and the thread that asks it hold it.
typedef struct osr_question osr_question;

/// What became of a question.
typedef enum {
  /// It was never shown: there is no session bus, or nothing on it shows texts with buttons.
  OSR_QUESTION_UNSHOWN = 0,
  /// It went without a word: a person closed it, it was withdrawn, or whatever showed it has ended.
  OSR_QUESTION_UNANSWERED = 1,
  /// Its first button was pressed.
  OSR_QUESTION_FIRST = 2,
  /// Its second button was pressed.
  OSR_QUESTION_SECOND = 3,
} osr_question_end;

/// Who is told. Both calls come from a thread of the question's own.
typedef struct {
  void *context;
  /// A person can see it now.
  void (*shown)(void *context);
  /// The last call, and there is exactly one.
  void (*ended)(void *context, osr_question_end end);
} osr_question_receiver;

/// Asks on a thread of its own, and returns at once.
///
/// `application` and `icon` say who asks; `first` and `second` stand on the buttons. All is plain text: what stands for
/// markup is written so that it does not, where markup is read.
osr_question *osr_question_ask(
    const char *application, const char *icon, const char *title, const char *text, const char *first,
    const char *second, const osr_question_receiver *receiver);

/// Takes a question back, also one that is not shown yet, or has ended. From any thread.
void osr_question_withdraw(osr_question *question);

/// Lets go of a question; it stays until it has ended.
void osr_question_release(osr_question *question);
